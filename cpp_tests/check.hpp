// The smallest test harness that serves us. A file of tests is one program:
//
//     #include "check.hpp"
//     TEST("a released tensor is gone") { CHECK_EQ(live_tensors(), 0); }
//
// A failed check ends its test, not the program. An argument on the command line runs only the tests whose
// sentence contains it. The program fails when a test fails or when no test ran.
#pragma once

#include <cstdio>
#include <cstring>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace check {

struct test {
    const char *sentence;
    void (*run)();
};

// Runs after every test that has not failed, and fails it by throwing: what must hold at every test's end.
inline void (*after_each)() = nullptr;

inline std::vector<test> &tests() {
    static std::vector<test> all;
    return all;
}

struct registration {
    registration(const char *sentence, void (*run)()) { tests().push_back({sentence, run}); }
};

[[noreturn]] inline void fail(const char *file, int line, const std::string &what) {
    throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

template <class T, class = void> struct is_printable : std::false_type {};
template <class T>
struct is_printable<T, std::void_t<decltype(std::declval<std::ostream &>() << std::declval<const T &>())>>
    : std::true_type {};

template <class T> std::string show(const T &value) {
    if constexpr (std::is_same_v<T, std::nullptr_t>) {
        return "nullptr";
    } else if constexpr (sizeof(T) == 1 && std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        return std::to_string(static_cast<int>(value)); // int8_t and uint8_t are numbers here, not characters
    } else if constexpr (is_printable<T>::value) {
        std::ostringstream out;
        out.precision(17);
        out << std::boolalpha << value;
        return out.str();
    } else {
        return "(a value that cannot be printed)";
    }
}

template <class A, class B>
void equal(const A &left, const B &right, const char *text, const char *file, int line) {
    if (!(left == right)) fail(file, line, std::string(text) + ": " + show(left) + " and " + show(right));
}

} // namespace check

#define CHECK_JOIN_(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN_(a, b)

#define TEST(sentence)                                                                                  \
    static void CHECK_JOIN(test_at_, __LINE__)();                                                       \
    static const check::registration CHECK_JOIN(registered_at_, __LINE__){sentence,                     \
                                                                          CHECK_JOIN(test_at_, __LINE__)}; \
    static void CHECK_JOIN(test_at_, __LINE__)()

#define CHECK(...)                                                                                      \
    do {                                                                                                \
        if (!(__VA_ARGS__)) check::fail(__FILE__, __LINE__, "not true: " #__VA_ARGS__);                 \
    } while (0)

#define CHECK_EQ(left, right) check::equal((left), (right), #left " == " #right, __FILE__, __LINE__)

#define CHECK_THROWS(exception, ...)                                                                    \
    do {                                                                                                \
        bool thrown = false;                                                                            \
        try {                                                                                           \
            (void)(__VA_ARGS__);                                                                        \
        } catch (const exception &) {                                                                   \
            thrown = true;                                                                              \
        }                                                                                               \
        if (!thrown) check::fail(__FILE__, __LINE__, "throws no " #exception ": " #__VA_ARGS__);        \
    } while (0)

int main(int argc, char **argv) {
    int passed = 0;
    int failed = 0;
    for (const check::test &test : check::tests()) {
        if (argc > 1 && !std::strstr(test.sentence, argv[1])) continue;
        std::string why;
        try {
            test.run();
            if (check::after_each != nullptr) check::after_each();
        } catch (const std::exception &error) {
            why = error.what();
            if (why.empty()) why = "an exception without a message";
        } catch (...) {
            why = "an exception of an unknown type";
        }
        std::printf("%s  %s\n", why.empty() ? "ok    " : "FAILED", test.sentence);
        if (!why.empty()) std::printf("        %s\n", why.c_str());
        ++(why.empty() ? passed : failed);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
