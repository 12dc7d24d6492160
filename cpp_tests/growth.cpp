// Structs that say their size, as older and newer headers have them: each cut at every field, each with something behind
// it. They lie where a page ends that nothing may be read or written beyond, so that a size is believed and no more.
#include "arrow_c.hpp"
#include "support.hpp"

#include <sys/mman.h>
#include <unistd.h>

using namespace ndferry;

namespace {

/// Memory that ends at a page that must not be touched.
class edge {
public:
    edge() : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
        start_ = static_cast<char *>(mmap(nullptr, 3 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (start_ == MAP_FAILED || mprotect(start_ + 2 * page_, page_, PROT_NONE) != 0) {
            throw std::runtime_error("no memory with an edge");
        }
    }
    ~edge() { munmap(start_, 3 * page_); }
    edge(const edge &) = delete;
    edge &operator=(const edge &) = delete;

    /// The last `size` bytes before the edge: the beginning of `whole`, then zeros.
    template <class Sized> Sized *put(const Sized &whole, std::size_t size) const {
        char *const at = start_ + 2 * page_ - size;
        std::memset(at, 0, size);
        std::memcpy(at, &whole, std::min(size, sizeof whole));
        return reinterpret_cast<Sized *>(at);
    }
    /// The last byte.
    char &last() const { return start_[2 * page_ - 1]; }

private:
    std::size_t page_;
    char *start_;
};

// ----------------------------------------------------------------------- every function that takes such a struct

/// The first of several statuses that is none of success.
ndf_status first_of(std::initializer_list<ndf_status> all) {
    for (const ndf_status status : all) {
        if (status != NDF_OK) return status;
    }
    return NDF_OK;
}

/// Ends what a successful call gives.
struct result {
    ndf_tensor *tensor = nullptr;
    DLManagedTensorVersioned *versioned = nullptr;
    DLManagedTensor *legacy = nullptr;
    ArrowSchema schema{};
    ArrowArray array{};
    ~result() {
        ndf_tensor_release(tensor);
        if (versioned != nullptr) versioned->deleter(versioned);
        if (legacy != nullptr) legacy->deleter(legacy);
        if (schema.release != nullptr) schema.release(&schema);
        if (array.release != nullptr) array.release(&array);
    }
};

/// Where something is written that goes at the end of the statement.
template <class T> T &kept(T &&temporary) { return temporary; }

const std::int64_t shape[] = {2, 3};
float numbers[6] = {0, 1, 2, 3, 4, 5};
const ndf_dtype type = NDF_DTYPE_FLOAT32;
tensor sample() { return from_data(numbers, type, {2, 3}); }

ndf_status use(const ndf_create_options *o) {
    const tensor t = sample();
    return first_of({ndf_tensor_empty(type, 2, shape, o, &kept(result().tensor)),
                     ndf_tensor_empty_like(t.get(), type, o, &kept(result().tensor)),
                     ndf_tensor_zeros(type, 2, shape, o, &kept(result().tensor)),
                     ndf_tensor_full(type, 2, shape, type, numbers, o, &kept(result().tensor)),
                     ndf_tensor_from_data(numbers, type, 2, shape, nullptr, o, &kept(result().tensor))});
}
ndf_status use(const ndf_wrap_options *o) {
    return ndf_tensor_wrap(numbers, type, 2, shape, nullptr, nullptr, nullptr, o, &kept(result().tensor));
}
ndf_status use(const ndf_format_options *o) {
    std::size_t length = 0;
    return ndf_tensor_format(sample().get(), o, 0, nullptr, &length);
}
ndf_status use(const ndf_convert_options *o) {
    const tensor from = sample(), to = sample();
    std::size_t length = 0;
    return first_of({ndf_tensor_convert(from.get(), NDF_DTYPE_FLOAT64, o, &kept(result().tensor)),
                     ndf_tensor_copy_into(from.get(), to.get(), o),
                     ndf_plan_format(from.get(), nullptr, NDF_DTYPE_FLOAT64, o, 0, nullptr, &length)});
}
ndf_status use(const ndf_dlpack_options *o) {
    return first_of({ndf_tensor_to_dlpack_versioned(sample().get(), o, &kept(result().versioned)),
                     ndf_tensor_to_dlpack(sample().get(), o, &kept(result().legacy))});
}
ndf_status use(const ndf_handover_options *o) {
    result out;
    std::size_t length = 0;
    return first_of({ndf_tensor_to_dlpack_for(sample().get(), "torch", o, &out.versioned, &out.legacy),
                     ndf_tensor_explain_for(sample().get(), "torch", o, 0, nullptr, &length)});
}
ndf_status use(const ndf_arrow_options *o) {
    result out;
    const ndf_status status = ndf_tensor_to_arrow(sample().get(), o, &out.schema, &out.array);
    return status != NDF_OK ? status : ndf_tensor_from_arrow(&out.schema, &out.array, o, &out.tensor);
}
ndf_status use(const ndf_allocator *o) {
    const ndf_status status = ndf_set_allocator(o);
    ndferry::check(ndf_set_allocator(nullptr));
    return status;
}
ndf_status use(const ndf_statistics *o) { return ndf_statistics_get(const_cast<ndf_statistics *>(o)); }

// -------------------------------------------------------------------------------------------- what sizes there are

/// The fewest bytes that any header ever had; a caller with fewer has forgotten to set the size.
template <class Sized> constexpr std::size_t first_version = sizeof(std::uint32_t);
template <> constexpr std::size_t first_version<ndf_allocator> = 32;
template <> constexpr std::size_t first_version<ndf_statistics> = 24;

template <class Sized> Sized sound() { return {}; }
template <> ndf_allocator sound() {
    return {0, 0, nullptr, [](void *, std::size_t, std::size_t) -> void * { return nullptr; },
            [](void *, void *, std::size_t, std::size_t) {}};
}

/// `sound` of a size, in as many bytes and no more.
template <class Sized> ndf_status use_of_size(const edge &place, std::uint32_t size, std::size_t bytes) {
    Sized whole = sound<Sized>();
    whole.struct_size = size;
    return use(static_cast<const Sized *>(place.put(whole, bytes)));
}

template <class Sized> void grows(const char *name, std::vector<std::size_t> boundaries) {
    const edge place;
    const auto say = [&](std::size_t size) {
        return std::string(name) + " of " + std::to_string(size) + " bytes: " + ndf_last_error_message();
    };
    boundaries.push_back(sizeof(Sized));
    for (const std::size_t size : boundaries) {
        const ndf_status status = use_of_size<Sized>(place, static_cast<std::uint32_t>(size), size);
        const bool is_known = size >= first_version<Sized>;
        if (status != (is_known ? NDF_OK : NDF_ERROR_INVALID_ARGUMENT)) throw std::runtime_error(say(size));
    }
    for (const std::size_t size : {sizeof(Sized) + 1, sizeof(Sized) + 8, std::size_t{4096}}) {
        if (use_of_size<Sized>(place, static_cast<std::uint32_t>(size), size) != NDF_OK) throw std::runtime_error(say(size));
        // What a newer header has set is no default, and cannot be honoured. Of what is written nothing is asked.
        place.last() = 1;
        const ndf_status expected = std::is_same_v<Sized, ndf_statistics> ? NDF_OK : NDF_ERROR_VERSION;
        if (use(reinterpret_cast<const Sized *>(&place.last() + 1 - size)) != expected) throw std::runtime_error(say(size));
    }
    for (const std::uint32_t size : {0u, 1u, 3u, 4097u, 0xccccccccu, UINT32_MAX}) {
        if (std::is_same_v<Sized, ndf_statistics> && size > 4096) continue; // written up to what is known only
        CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "struct_size", use_of_size<Sized>(place, size, sizeof(std::uint32_t)));
    }
}

} // namespace

TEST("every struct that says its size may be smaller and larger than the library's") {
    std::vector<std::pair<const char *, std::vector<std::size_t>>> found;
    std::vector<void (*)(const char *, std::vector<std::size_t>)> checks;
#define FUNCTION(function, parameters)
#define SIZED(type) found.push_back({#type, {}}), checks.push_back(grows<type>);
#define FIELD(type, field) found.back().second.push_back(offsetof(type, field));
#include "functions.inc"
    CHECK(found.size() >= 9);
    for (std::size_t i = 0; i < found.size(); ++i) checks[i](found[i].first, found[i].second);
}
