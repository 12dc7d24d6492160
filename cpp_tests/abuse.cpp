// Every exported function, called with each of its arguments spoilt in turn and with all of them spoilt: it does not
// crash, it says why, what it refuses it leaves alone, and nothing stays alive. The functions are those of the header, by
// a table made from it, and each has a process of its own, so that a crash has a name.
#include "arrow_c.hpp"
#include "child.hpp"
#include "hostile.hpp"

#include <iterator>
#include <map>
#include <set>
#include <tuple>

using ndferry::tensor;

namespace {

// ------------------------------------------------------------------------------------- what functions write to

/// Every place that an argument of this file points at for writing; garbage before every call.
struct outputs {
    ndf_tensor *tensor;
    DLManagedTensor *legacy;
    DLManagedTensorVersioned *versioned;
    ndf_array_struct *array;
    ndf_buffer buffer;
    ndf_cuda_array cuda_array;
    ArrowSchema schema;
    ArrowArray arrow;
    ndf_dtype dtype;
    ndf_device device;
    std::int64_t low, high, dims[64];
    std::int32_t number;
    std::size_t length, other_length;
    char text[4096];
} out;

outputs before;

void spoil_outputs() {
    std::memset(static_cast<void *>(&out), 0xa5, sizeof out);
    std::memcpy(static_cast<void *>(&before), &out, sizeof out);
}

bool outputs_are_untouched() { return std::memcmp(&out, &before, sizeof out) == 0; }

void end_outputs() {
    if (out.tensor != before.tensor) ndf_tensor_release(out.tensor);
    // A function that gives one of the two makes the other NULL.
    if (out.legacy != before.legacy && out.legacy) out.legacy->deleter(out.legacy);
    if (out.versioned != before.versioned && out.versioned) out.versioned->deleter(out.versioned);
    if (out.array != before.array) ndf_array_struct_release(out.array);
    if (out.buffer.internal != before.buffer.internal) ndf_buffer_release(&out.buffer);
    if (out.cuda_array.internal != before.cuda_array.internal) ndf_cuda_array_release(&out.cuda_array);
    if (out.schema.release != before.schema.release) out.schema.release(&out.schema);
    if (out.arrow.release != before.arrow.release) out.arrow.release(&out.arrow);
}

// ---------------------------------------------------------------------------------------------- sound arguments

/// Elements in the middle of room enough for any small wrong stride.
std::vector<float> room(1 << 16);
void *const data = &room[1 << 15];
std::vector<std::int64_t> shape(64, 1), strides(64, 1);
std::vector<std::int32_t> axes(64, 0);
const ndf_dtype float32 = NDF_DTYPE_FLOAT32;
double value = 1;
int object = 0;
support::foreign<DLManagedTensor> legacy;
support::foreign<DLManagedTensorVersioned> versioned;

/// What the sound arguments of a function are taken from.
struct world {
    tensor on_host, on_cuda, copy;
    ndferry::array_struct_ptr array;
    ndferry::buffer buffer;
    ndferry::cuda_array cuda_array;
    ArrowSchema schema{};
    ArrowArray elements{};
    ndf_buffer ended_buffer{};
    ndf_cuda_array ended_cuda_array{};
    std::string function;

    explicit world(const char *name)
        : on_host(sample({NDF_DEVICE_CPU, 0})), on_cuda(sample({NDF_DEVICE_CUDA, 0})), copy(on_host.copy()),
          array(on_host.to_array_struct()), buffer(on_host.to_buffer()), cuda_array(on_cuda.to_cuda_array()),
          function(name) {
        shape[0] = 2, shape[1] = 3, strides[0] = 3;
        axes[0] = 2, axes[2] = 1;
        on_host.to_arrow(&schema, &elements);
    }
    static tensor sample(ndf_device device) {
        ndferry::wrap_options options;
        options.device = device;
        return ndferry::wrap(data, float32, {2, 3, 1}, nullptr, nullptr, options);
    }
    world(const world &) = delete;
    world &operator=(const world &) = delete;
    ~world() {
        schema.release(&schema);
        if (elements.release) elements.release(&elements);
    }

    bool is(const char *name) const { return function == name; }
    bool concerns(const char *part) const { return function.find(part) != std::string::npos; }

    /// No call has changed the tensor.
    bool intact() const {
        return on_host.shape() == ndferry::extents{2, 3, 1} && on_host.data() == data;
    }
};

world *now = nullptr;

/// A sound argument of type `T` for the parameter of that name; made anew for every call, because some are consumed.
template <class T> T good(const std::string &name) {
    if constexpr (std::is_integral_v<T>) {
        static const std::map<std::string, int> numbers{
            {"ndim", 3},  {"ndim1", 3},   {"ndim2", 3}, {"naxes", 1}, {"axis2", 1},
            {"stop", 2},  {"step", 1},    {"window", 1}, {"version", 3}, {"capacity", 64},
            {"device_type", NDF_DEVICE_CPU}};
        if (name == "capacity" && std::is_same_v<T, std::size_t>) return static_cast<T>(sizeof out.text);
        const auto found = numbers.find(name);
        return found == numbers.end() ? T{0} : static_cast<T>(found->second);
    } else if constexpr (hostile::is_sized<std::remove_const_t<std::remove_pointer_t<T>>>::value) {
        static hostile::roomy<std::remove_const_t<std::remove_pointer_t<T>>> sound;
        return &sound.sized;
    } else {
        static_assert(std::is_pointer_v<T>, "say what a sound argument of this type is");
        return nullptr; // callbacks
    }
}

template <> const ndf_tensor *good(const std::string &name) {
    if (name == "destination") return now->is("ndf_plan_format") ? nullptr : now->copy.get();
    return now->concerns("_cuda_array") ? now->on_cuda.get() : now->on_host.get();
}
template <> ndf_tensor *good(const std::string &) {
    return now->is("ndf_tensor_release") ? now->on_host.copy().release() : now->on_host.get();
}
template <> ndf_dtype good(const std::string &name) {
    return name == "value_dtype" ? NDF_DTYPE_FLOAT64 : name == "fields" ? ndf_dtype{} : float32;
}
template <> ndf_device good(const std::string &) { return {NDF_DEVICE_CPU, 0}; }
template <> const char *good(const std::string &name) { return name == "consumer" ? "jax" : "float32"; }
template <> const std::int32_t *good(const std::string &) { return axes.data(); }
template <> const std::int64_t *good(const std::string &name) {
    return name == "strides" ? strides.data() : shape.data();
}
template <> void *good(const std::string &name) {
    return name == "data" ? data : name == "context" || name == "descr" ? nullptr : &object;
}
template <> const void *good(const std::string &name) { return name == "value" ? &value : data; }
template <> const ndf_array_struct *good(const std::string &) { return now->array.get(); }
template <> const ndf_buffer *good(const std::string &) { return now->buffer.get(); }
template <> const ndf_cuda_array *good(const std::string &) { return now->cuda_array.get(); }
template <> const ArrowSchema *good(const std::string &) { return &now->schema; }
template <> const DLManagedTensor *good(const std::string &) { return &legacy.managed; }
template <> const DLManagedTensorVersioned *good(const std::string &) { return &versioned.managed; }
template <> DLManagedTensor *good(const std::string &) { return &legacy.managed; }
template <> DLManagedTensorVersioned *good(const std::string &) { return &versioned.managed; }

// What is given away by one call has to be there again for the next.
template <> ndf_array_struct *good(const std::string &) { return now->on_host.to_array_struct().release(); }
template <> ndf_buffer *good(const std::string &name) {
    if (name == "out") return &out.buffer;
    if (!now->ended_buffer.internal) {
        ndferry::check(ndf_tensor_to_buffer(now->on_host.get(), NDF_BUFFER_FULL, &now->ended_buffer));
    }
    return &now->ended_buffer;
}
template <> ndf_cuda_array *good(const std::string &name) {
    if (name == "out") return &out.cuda_array;
    if (!now->ended_cuda_array.internal) {
        ndferry::check(ndf_tensor_to_cuda_array(now->on_cuda.get(), 3, &now->ended_cuda_array));
    }
    return &now->ended_cuda_array;
}
template <> ArrowArray *good(const std::string &name) {
    if (name == "out_array") return &out.arrow;
    if (!now->elements.release) {
        now->schema.release(&now->schema);
        now->on_host.to_arrow(&now->schema, &now->elements);
    }
    return &now->elements;
}

template <> ArrowSchema *good(const std::string &) { return &out.schema; }
template <> ndf_tensor **good(const std::string &) { return &out.tensor; }
template <> DLManagedTensor **good(const std::string &) { return &out.legacy; }
template <> DLManagedTensorVersioned **good(const std::string &) { return &out.versioned; }
template <> ndf_array_struct **good(const std::string &) { return &out.array; }
template <> ndf_dtype *good(const std::string &) { return &out.dtype; }
template <> ndf_device *good(const std::string &) { return &out.device; }
template <> char *good(const std::string &) { return out.text; }
template <> std::int32_t *good(const std::string &) { return &out.number; }
template <> std::size_t *good(const std::string &name) {
    return name == "out_total" ? &out.other_length : &out.length;
}
template <> std::int64_t *good(const std::string &name) {
    return name == "out_low" ? &out.low : name == "out_high" ? &out.high : out.dims;
}

// ------------------------------------------------------------------------------------------- spoilt arguments

/// What to spoil the parameter of that name with. A stream is an address, and one that is none is as bad as any: only
/// numbers that cannot be streams are refused.
template <class T> std::vector<T> bad(const std::string &name) {
    if constexpr (std::is_same_v<T, std::int64_t>) {
        if (name == "stream") return {INT64_MIN, -2, -1, 1, 2, 3, 4095};
    }
    return hostile::values<T>();
}

// ------------------------------------------------------------------------------------------------------- calls

support::blackboard board;

/// Sound calls that are refused here, where there may be no CUDA device, tensors are alive, and the lifetime debugger is
/// mostly off.
const std::set<std::string> refused{"ndf_debug_enable",       "ndf_debug_report",       "ndf_device_description",
                                    "ndf_device_memory_info", "ndf_device_trim",        "ndf_stream_synchronize",
                                    "ndf_tensor_record"};

[[noreturn]] void complain(const std::string &what) { throw std::runtime_error(what); }

/// What a function gave, judged: a failed status has a message and has written nothing.
void judge(ndf_status status, bool is_sound) {
    if (status == NDF_OK) return;
    if (!outputs_are_untouched()) complain("failed and wrote");
    if (*ndf_last_error_message() == '\0') complain("failed without a message");
    if (status == NDF_ERROR_INTERNAL) complain(ndf_last_error_message());
    if (is_sound && refused.count(now->function) == 0) complain(ndf_last_error_message());
}

void judge(void *object, bool) {
    if (!now->concerns("_py_")) return;
    if (object != nullptr) complain("made a Python object without Python");
    if (*ndf_last_error_message() == '\0') complain("failed without a message");
}

void judge(ndf_tensor *tensor, bool) {
    if (now->is("ndf_tensor_retain")) return ndf_tensor_release(tensor);
    judge(static_cast<void *>(tensor), false);
}

void judge(const char *text, bool is_sound) {
    if (is_sound && text == nullptr) complain("gave no text");
}

template <class T> void judge(const T &, bool) {}

template <class Result, class... P>
void call(Result (*function)(P...), const std::tuple<P...> &arguments, bool is_sound) {
    spoil_outputs();
    (void)ndf_last_error_set("");
    if constexpr (std::is_void_v<Result>) {
        std::apply(function, arguments);
    } else {
        judge(std::apply(function, arguments), is_sound);
    }
    end_outputs();
    if (!now->intact()) complain("changed its tensor");
}

using names = std::vector<std::string>;

names words(const std::string &text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

template <std::size_t I, class Result, class... P, std::size_t... K>
void spoil_one(Result (*function)(P...), const names &parameters, std::index_sequence<K...>) {
    using argument = std::tuple_element_t<I, std::tuple<P...>>;
    std::size_t way = 0;
    for (const argument &spoilt : bad<argument>(parameters[I])) {
        const auto value = [&](auto index) {
            using one = std::tuple_element_t<index, std::tuple<P...>>;
            if constexpr (index == I) {
                return spoilt;
            } else {
                return good<one>(parameters[index]);
            }
        };
        board.write(now->function + ", argument `" + parameters[I] + "` spoilt in way " + std::to_string(++way));
        call(function, std::tuple<P...>(value(std::integral_constant<std::size_t, K>{})...), false);
    }
}

template <class Result, class... P, std::size_t... K>
void spoil_each(Result (*function)(P...), const names &parameters, [[maybe_unused]] std::index_sequence<K...> all) {
    board.write(now->function + " with sound arguments");
    call(function, std::tuple<P...>(good<P>(parameters[K])...), true);
    (spoil_one<K>(function, parameters, all), ...);
    for (std::size_t way = 0; sizeof...(P) > 0 && way < 12; ++way) {
        board.write(now->function + ", all arguments spoilt in way " + std::to_string(way));
        [[maybe_unused]] const auto value = [way](const auto &values) { return values[way % values.size()]; };
        call(function, std::tuple<P...>(value(bad<P>(parameters[K]))...), false);
    }
}

/// Calls `function` with sound arguments, then spoilt in every way, in a process of its own; says what was wrong.
template <class Result, class... P>
std::string abuse(const char *name, Result (*function)(P...), const names &parameters) {
    return support::in_a_child(board, 120, [&] {
        {
            world here(name);
            now = &here;
            spoil_each(function, parameters, std::index_sequence_for<P...>{});
            // Other tests end with what is said in these.
            ndferry::check(ndf_set_allocator(nullptr));
        }
        board.write(std::string(name) + " at the end");
        support::nothing_is_alive();
    });
}

} // namespace

TEST("every function of the header withstands every argument") {
    std::string wrong;
    int functions = 0;
    const auto note = [&](const std::string &what) {
        ++functions;
        if (!what.empty()) wrong += "\n        " + what;
    };
#define FUNCTION(function, parameters) note(abuse(#function, function, words(parameters)));
#define SIZED(type)
#define FIELD(type, field)
#include "functions.inc"
    if (!wrong.empty()) throw std::runtime_error(wrong);
    CHECK(functions > 90);
}
