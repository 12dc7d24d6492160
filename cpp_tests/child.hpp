// A piece of a test in a process of its own, so that what ends that has a name.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace support {

#if defined(__unix__) || defined(__APPLE__)

/// A line that a child writes and its parent reads, even when the child has come to a bad end.
class blackboard {
public:
    blackboard()
        : line_(static_cast<char *>(
              mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        if (line_ == MAP_FAILED) throw std::runtime_error("there is no memory to share with a child");
    }
    ~blackboard() { munmap(line_, size); }
    blackboard(const blackboard &) = delete;
    blackboard &operator=(const blackboard &) = delete;

    void write(const std::string &line) { std::snprintf(line_, size, "%s", line.c_str()); }
    std::string read() const { return line_; }

private:
    static constexpr std::size_t size = 4096;
    char *line_;
};

/// How `work` ended in a child that may take so many seconds: nothing where it returned, else what it threw or which signal
/// ended it.
template <class Work> std::string in_a_child(blackboard &board, unsigned seconds, Work work) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) return "no child could be made";
    if (child == 0) {
        alarm(seconds);
        try {
            work();
            _exit(0);
        } catch (const std::exception &error) {
            board.write(board.read() + ": " + error.what());
        } catch (...) {
            board.write(board.read() + ": something was thrown that is no exception");
        }
        _exit(1);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {}
    if (WIFSIGNALED(status)) return board.read() + ": ended by signal " + std::to_string(WTERMSIG(status));
    if (WEXITSTATUS(status) == 0) return "";
    return WEXITSTATUS(status) == 1 ? board.read() : "exit status " + std::to_string(WEXITSTATUS(status));
}

#else

class blackboard {
public:
    void write(const std::string &line) { line_ = line; }
    std::string read() const { return line_; }

private:
    std::string line_;
};

/// In this process, for want of children.
template <class Work> std::string in_a_child(blackboard &, unsigned, Work work) {
    try {
        work();
        return "";
    } catch (const std::exception &error) {
        return error.what();
    }
}

#endif

} // namespace support
