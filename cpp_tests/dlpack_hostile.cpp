// DLPack structs that lie. Each is refused by check and import alike, with nothing consumed, or carried untouched.
#include "support.hpp"

#include <functional>

using namespace ndferry;
using legacy = DLManagedTensor;
using versioned = DLManagedTensorVersioned;

static ndf_status vet(const legacy &managed) { return ndf_dlpack_check(&managed); }
static ndf_status vet(const versioned &managed) { return ndf_dlpack_check_versioned(&managed); }
static ndf_status take(legacy &managed, ndf_tensor **out) { return ndf_tensor_from_dlpack(&managed, out); }
static ndf_status take(versioned &managed, ndf_tensor **out) { return ndf_tensor_from_dlpack_versioned(&managed, out); }

template <class Managed> using spoil = std::function<void(support::foreign<Managed> &)>;

template <class Managed> static void refuse_one(ndf_status expected, const char *part, const spoil<Managed> &how) {
    support::foreign<Managed> producer;
    how(producer);
    ndf_tensor *const untouched = reinterpret_cast<ndf_tensor *>(&producer);
    ndf_tensor *out = untouched;
    CHECK_REFUSED(expected, part, vet(producer.managed));
    CHECK_REFUSED(expected, part, take(producer.managed, &out));
    CHECK(out == untouched);
    CHECK_EQ(producer.freed, 0);
    support::nothing_is_alive();
}

/// Both kinds of struct, spoilt the same way, are refused the same way.
template <class How> static void refuse(ndf_status expected, const char *part, How how) {
    refuse_one<legacy>(expected, part, how);
    refuse_one<versioned>(expected, part, how);
}

/// Both kinds, changed the same way, are taken, carried unchanged, and freed once.
template <class How, class Look> static void carry(How how, Look look) {
    const auto one = [&](auto &producer) {
        how(producer);
        CHECK_OK(vet(producer.managed));
        look(producer.take());
        CHECK_EQ(producer.freed, 1);
    };
    support::foreign<legacy> old;
    support::foreign<versioned> recent;
    one(old);
    one(recent);
}

TEST("a negative extent is refused") {
    refuse(NDF_ERROR_SHAPE, "-2", [](auto &p) { p.shape[0] = -2; });
    refuse(NDF_ERROR_SHAPE, "-", [](auto &p) { p.shape[1] = INT64_MIN; });
}

TEST("a negative extent beside an extent of 0 is refused") {
    refuse(NDF_ERROR_SHAPE, "-1", [](auto &p) { p.shape = {0, -1}; p.tensor().shape = p.shape.data(); });
}

TEST("extents whose product overflows are refused") {
    refuse(NDF_ERROR_OVERFLOW, "", [](auto &p) { p.shape[0] = INT64_MAX; });
    refuse(NDF_ERROR_OVERFLOW, "", [](auto &p) { p.shape[0] = p.shape[1] = int64_t{1} << 32; });
}

TEST("extents whose product overflows only in bytes are refused") {
    refuse(NDF_ERROR_OVERFLOW, "address space", [](auto &p) {
        p.shape[0] = int64_t{1} << 61;
        p.tensor().ndim = 1;
        p.strides[0] = 1;
    });
}

TEST("extents that overflow behind an extent of 0 are refused") {
    refuse(NDF_ERROR_OVERFLOW, "", [](auto &p) {
        p.shape = {0, INT64_MAX, INT64_MAX};
        p.strides = {1, 1, 1};
        p.tensor().ndim = 3;
        p.tensor().shape = p.shape.data();
        p.tensor().strides = p.strides.data();
    });
}

TEST("a rank below 0 is refused, and shape is not read") {
    refuse(NDF_ERROR_SHAPE, "`ndim` is -1", [](auto &p) { p.tensor().ndim = -1; });
    refuse(NDF_ERROR_SHAPE, "`ndim`", [](auto &p) { p.tensor().ndim = INT32_MIN; });
}

TEST("a rank of 65 is refused, and shape is not read") {
    refuse(NDF_ERROR_SHAPE, "`ndim` is 65", [](auto &p) { p.tensor().ndim = 65; });
}

TEST("a rank of 2^31 - 1 is refused, and shape is not read") {
    refuse(NDF_ERROR_SHAPE, "2147483647", [](auto &p) { p.tensor().ndim = INT32_MAX; });
}

TEST("a rank of 64 is taken") {
    carry(
        [](auto &p) {
            p.shape.assign(64, 1);
            p.strides.assign(64, 1);
            p.tensor().ndim = 64;
            p.tensor().shape = p.shape.data();
            p.tensor().strides = p.strides.data();
        },
        [](const tensor &t) { CHECK_EQ(t.ndim(), 64); });
}

TEST("a NULL shape with axes is refused") {
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`shape` is NULL", [](auto &p) { p.tensor().shape = nullptr; });
}

TEST("NULL data with elements are refused") {
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`data` is NULL", [](auto &p) { p.tensor().data = nullptr; });
    refuse(NDF_ERROR_INVALID_ARGUMENT, "`data` is NULL", [](auto &p) {
        p.tensor().data = nullptr;
        p.tensor().byte_offset = 4096;
    });
}

TEST("lanes of 0 are refused") {
    refuse(NDF_ERROR_DTYPE, "lanes", [](auto &p) { p.tensor().dtype.lanes = 0; });
}

TEST("bits of 0 are refused") {
    refuse(NDF_ERROR_DTYPE, "bits", [](auto &p) { p.tensor().dtype.bits = 0; });
}

TEST("another major version is refused, whatever the rest holds") {
    for (const uint32_t major : {0u, 2u, 3u, UINT32_MAX}) {
        refuse_one<versioned>(NDF_ERROR_VERSION, "1.x", [=](auto &p) {
            p.managed.version.major = major;
            p.tensor().ndim = -5;
            p.tensor().shape = nullptr;
        });
    }
}

TEST("a newer minor version and unknown flags are taken") {
    support::foreign<versioned> producer;
    producer.managed.version.minor = 99;
    producer.managed.flags = ~uint64_t{7};
    const tensor t = producer.take();
    CHECK_EQ(t.element_count(), 6);
    CHECK(!t.is_read_only());
}

TEST("a byte offset that leads out of the address space is refused") {
    for (const uint64_t offset : {UINT64_MAX, UINT64_MAX - 3, uint64_t{1} << 63}) {
        refuse(NDF_ERROR_OVERFLOW, "address space", [=](auto &p) {
            p.tensor().byte_offset = offset;
            if (offset == uint64_t{1} << 63) p.tensor().data = reinterpret_cast<void *>(uintptr_t{1} << 63);
        });
    }
}

TEST("a byte offset that overflows a handle device is refused") {
    refuse(NDF_ERROR_OVERFLOW, "", [](auto &p) {
        p.tensor().device = {kDLMetal, 0};
        p.tensor().byte_offset = UINT64_MAX - 3;
    });
}

TEST("strides that reach before the start of a handle's buffer are refused") {
    refuse(NDF_ERROR_LAYOUT, "before the start", [](auto &p) {
        p.tensor().device = {kDLMetal, 0};
        p.strides[0] = -3;
    });
}

TEST("a byte offset inside an element of a handle's buffer is refused") {
    refuse(NDF_ERROR_LAYOUT, "`byte_offset`", [](auto &p) {
        p.tensor().device = {kDLMetal, 0};
        p.tensor().byte_offset = 2;
    });
}

TEST("strides that reach around the address space are refused") {
    for (const int64_t stride : {INT64_MAX, INT64_MIN, INT64_MAX / 4, INT64_MIN / 4, int64_t{1} << 61}) {
        refuse(NDF_ERROR_OVERFLOW, "", [=](auto &p) { p.strides[0] = stride; });
    }
}

TEST("strides that reach below address 0 or above the last one are refused") {
    refuse(NDF_ERROR_OVERFLOW, "address space", [](auto &p) {
        p.tensor().data = reinterpret_cast<void *>(uintptr_t{8});
        p.strides[0] = -3;
    });
    refuse(NDF_ERROR_OVERFLOW, "address space", [](auto &p) {
        p.tensor().data = reinterpret_cast<void *>(UINTPTR_MAX - 7);
    });
}

TEST("a stride that only an axis of extent 1 has may be anything") {
    carry([](auto &p) { p.shape[0] = 1; p.strides[0] = INT64_MIN; },
          [](const tensor &t) { CHECK_EQ(t.element_count(), 3); CHECK(t.is_contiguous()); });
}

TEST("strides of 0 are taken") {
    carry([](auto &p) { p.strides = {0, 0}; p.tensor().strides = p.strides.data(); },
          [](const tensor &t) { CHECK_EQ(t.at<const float>(1, 2), 0.0f); });
}

TEST("misaligned data are taken and read right") {
    alignas(8) static unsigned char bytes[32];
    const float values[] = {1.5f, 2.5f};
    std::memcpy(bytes + 1, values, sizeof values);
    carry(
        [](auto &p) {
            p.tensor().data = bytes + 1;
            p.tensor().ndim = 1;
            p.strides[0] = 1;
        },
        [](const tensor &t) {
            CHECK(t.const_data() == bytes + 1);
            CHECK(support::elements<double>(t.convert(float64)) == std::vector<double>{1.5, 2.5});
        });
}

TEST("unknown type codes are carried and not converted") {
    for (const uint8_t code : {18, 19, 200, 255}) {
        carry([=](auto &p) { p.tensor().dtype = {code, 32, 1}; },
              [=](const tensor &t) {
                  CHECK_EQ(t.dtype().raw().code, code);
                  CHECK_EQ(t.to_dlpack()->dl_tensor.dtype.code, code);
                  CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "", t.convert(float32));
              });
    }
}

TEST("odd widths and lanes are carried and not converted") {
    const DLDataType odd[] = {
        {kDLFloat, 24, 1}, {kDLInt, 7, 1}, {kDLFloat, 24, 4}, {kDLOpaqueHandle, 64, 1}, {kDLInt, 255, 1}};
    static std::vector<unsigned char> room(4096);
    for (const DLDataType type : odd) {
        carry([=](auto &p) { p.tensor().dtype = type; p.tensor().data = room.data(); },
              [=](const tensor &t) {
                  const DLDataType out = t.to_dlpack()->dl_tensor.dtype;
                  CHECK(out.code == type.code && out.bits == type.bits && out.lanes == type.lanes);
                  CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "", t.convert(float32));
              });
    }
}

TEST("shape and strides of a tensor without axes may be anything") {
    carry(
        [](auto &p) {
            p.tensor().ndim = 0;
            p.tensor().shape = reinterpret_cast<int64_t *>(std::uintptr_t{3});
            p.tensor().strides = reinterpret_cast<int64_t *>(std::uintptr_t{5});
        },
        [](const tensor &t) { CHECK_EQ(t.ndim(), 0); });
}

TEST("vectors are carried as they are and converted scalar by scalar") {
    static std::vector<float> room(64, 2.5f);
    carry(
        [](auto &p) {
            p.tensor().dtype = {kDLFloat, 32, 4};
            p.tensor().data = room.data();
        },
        [](const tensor &t) {
            CHECK_EQ(t.to_dlpack()->dl_tensor.dtype.lanes, 4);
            const tensor scalars = t.convert(dtype(NDF_DTYPE_FLOAT64));
            CHECK_EQ(scalars.element_count(), 4 * t.element_count());
            CHECK_EQ(scalars.data<double>()[0], 2.5);
        });
}

TEST("lanes that overflow the size are refused") {
    refuse(NDF_ERROR_OVERFLOW, "", [](auto &p) {
        p.tensor().dtype = {kDLFloat, 255, 65535};
        p.shape[0] = int64_t{1} << 40;
        p.strides[0] = 3;
    });
}

TEST("unknown devices are carried untouched") {
    for (const int32_t type : {2, 3, 12, 21, 999, -1, 0, INT32_MIN}) {
        carry([=](auto &p) { p.tensor().device = {static_cast<DLDeviceType>(type), 7}; },
              [=](const tensor &t) {
                  CHECK_EQ(t.device().device_type, type);
                  CHECK_EQ(t.device().device_id, 7);
                  CHECK_EQ(static_cast<int32_t>(t.to_dlpack()->dl_tensor.device.device_type), type);
              });
    }
}

TEST("a device that the host cannot reach is refused by what needs the elements") {
    support::foreign<versioned> producer;
    producer.tensor().device = {kDLCUDA, 0};
    const tensor t = producer.take();
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "cuda:0", t.convert(float16));
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "cuda:0", t.copy());
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "CUDA driver", t.to_device({NDF_DEVICE_CPU, 0}));
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "CUDA driver", t.format());
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "CUDA driver", t.fill(1.0f));
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "CUDA driver", t.equal(t));
    CHECK_ERROR(NDF_ERROR_UNSUPPORTED, "", t.to_array_struct());
    CHECK_ERROR(NDF_ERROR_DEVICE_UNAVAILABLE, "", t.to_dlpack(NDF_COPY_ALWAYS));
}

TEST("a NULL struct and a NULL out are refused") {
    support::foreign<legacy> old;
    support::foreign<versioned> recent;
    ndf_tensor *out = nullptr;
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`managed`", ndf_tensor_from_dlpack(nullptr, &out));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`managed`", ndf_tensor_from_dlpack_versioned(nullptr, &out));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`managed`", ndf_dlpack_check(nullptr));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`managed`", ndf_dlpack_check_versioned(nullptr));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`out`", ndf_tensor_from_dlpack(&old.managed, nullptr));
    CHECK_REFUSED(NDF_ERROR_INVALID_ARGUMENT, "`out`", ndf_tensor_from_dlpack_versioned(&recent.managed, nullptr));
    CHECK_EQ(old.freed + recent.freed, 0);
}

// Deleters that do more than to free.

/// Both kinds, with a deleter that counts, and then does what it is told.
template <class Does> static void delete_with(int expected, Does does) {
    const auto one = [&](auto &producer) {
        struct context {
            decltype(&producer) owner;
            Does *does;
        } told{&producer, &does};
        producer.managed.manager_ctx = &told;
        producer.managed.deleter = [](auto *self) {
            const auto *what = static_cast<context *>(self->manager_ctx);
            const auto owner = what->owner;
            const auto act = what->does;
            ++owner->freed;
            (*act)(*owner);
        };
        CHECK_EQ(producer.take().element_count(), 6);
        CHECK_EQ(producer.freed, expected);
        support::nothing_is_alive();
    };
    support::foreign<legacy> old;
    support::foreign<versioned> recent;
    one(old);
    one(recent);
}

TEST("a deleter may write over its struct, as freeing it would") {
    delete_with(1, [](auto &p) {
        std::memset(&p.managed, 0xA5, sizeof p.managed);
        p.shape.assign(2, -1);
    });
}

TEST("a deleter may take its own struct again") {
    delete_with(2, [](auto &p) {
        if (p.freed == 1) CHECK_EQ(p.take().element_count(), 6);
    });
}

TEST("a deleter may use the library and be refused by it") {
    delete_with(1, [](auto &) {
        support::foreign<versioned> other;
        other.tensor().ndim = -1;
        CHECK_REFUSED(NDF_ERROR_SHAPE, "`ndim` is -1", vet(other.managed));
        other.tensor().ndim = 2;
        CHECK(support::elements<double>(other.take().convert(float64)).back() == 5.0);
        CHECK_EQ(other.freed, 1);
    });
}

TEST("no deleter at all ends nothing") {
    carry([](auto &p) { p.managed.deleter = nullptr; p.freed = 1; },
          [](const tensor &t) { CHECK_EQ(t.element_count(), 6); });
}

TEST("a deleter may give up a tensor whose deleter gives up a tensor, a thousand times") {
    struct link {
        support::foreign<versioned> producer;
        tensor next;
    };
    std::vector<link> chain(1000);
    for (std::size_t i = chain.size(); i-- > 0;) {
        chain[i].producer.managed.manager_ctx = &chain[i];
        chain[i].producer.managed.deleter = [](versioned *self) {
            const auto one = static_cast<link *>(self->manager_ctx);
            ++one->producer.freed;
            one->next = tensor();
        };
        if (i + 1 < chain.size()) chain[i].next = chain[i + 1].producer.take();
    }
    CHECK_EQ(chain.front().producer.take().element_count(), 6);
    for (const link &one : chain) CHECK_EQ(one.producer.freed, 1);
}
