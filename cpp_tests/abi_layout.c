/* The binary interface as C sees it on 64-bit machines: sizes, offsets and numbers that programs have compiled in. A
   change here breaks them, and needs another NDF_ABI_VERSION. Compiling is the test. */
#include <ndferry.h>

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "sizeof(" #type ")")
#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field)
#define IS(name, number) _Static_assert((name) == (number), #name)

SIZE(void *, 8);
SIZE(ndf_status, 4);

SIZE(ndf_dtype, 16);
AT(ndf_dtype, code, 0);
AT(ndf_dtype, bits, 1);
AT(ndf_dtype, lanes, 2);
AT(ndf_dtype, kind, 4);
AT(ndf_dtype, flags, 5);
AT(ndf_dtype, reserved, 6);
AT(ndf_dtype, detail, 8);

SIZE(ndf_device, 8);
AT(ndf_device, device_type, 0);
AT(ndf_device, device_id, 4);

SIZE(ndf_create_options, 24);
AT(ndf_create_options, struct_size, 0);
AT(ndf_create_options, order, 4);
AT(ndf_create_options, device, 8);
AT(ndf_create_options, stream, 16);

SIZE(ndf_wrap_options, 16);
AT(ndf_wrap_options, struct_size, 0);
AT(ndf_wrap_options, flags, 4);
AT(ndf_wrap_options, device, 8);

SIZE(ndf_format_options, 32);
AT(ndf_format_options, struct_size, 0);
AT(ndf_format_options, precision, 4);
AT(ndf_format_options, threshold, 8);
AT(ndf_format_options, edge_items, 16);
AT(ndf_format_options, line_width, 24);

SIZE(ndf_convert_options, 88);
AT(ndf_convert_options, struct_size, 0);
AT(ndf_convert_options, casting, 4);
AT(ndf_convert_options, overflow, 8);
AT(ndf_convert_options, copy, 12);
AT(ndf_convert_options, order, 16);
AT(ndf_convert_options, axis, 20);
AT(ndf_convert_options, device, 24);
AT(ndf_convert_options, scale_count, 32);
AT(ndf_convert_options, scale, 40);
AT(ndf_convert_options, bias_count, 48);
AT(ndf_convert_options, bias, 56);
AT(ndf_convert_options, progress, 64);
AT(ndf_convert_options, progress_context, 72);
AT(ndf_convert_options, stream, 80);

SIZE(ndf_dlpack_options, 8);
AT(ndf_dlpack_options, struct_size, 0);
AT(ndf_dlpack_options, copy, 4);

SIZE(ndf_handover_options, 16);
AT(ndf_handover_options, struct_size, 0);
AT(ndf_handover_options, copy, 4);
AT(ndf_handover_options, allow_writable, 8);
AT(ndf_handover_options, max_version, 12);

SIZE(ndf_array_struct, 56);
AT(ndf_array_struct, two, 0);
AT(ndf_array_struct, nd, 4);
AT(ndf_array_struct, typekind, 8);
AT(ndf_array_struct, itemsize, 12);
AT(ndf_array_struct, flags, 16);
AT(ndf_array_struct, shape, 24);
AT(ndf_array_struct, strides, 32);
AT(ndf_array_struct, data, 40);
AT(ndf_array_struct, descr, 48);

SIZE(ndf_cuda_array, 80);
AT(ndf_cuda_array, version, 0);
AT(ndf_cuda_array, ndim, 4);
AT(ndf_cuda_array, data, 8);
AT(ndf_cuda_array, dtype, 16);
AT(ndf_cuda_array, shape, 32);
AT(ndf_cuda_array, strides, 40);
AT(ndf_cuda_array, device, 48);
AT(ndf_cuda_array, flags, 56);
AT(ndf_cuda_array, reserved, 60);
AT(ndf_cuda_array, stream, 64);
AT(ndf_cuda_array, internal, 72);

SIZE(ndf_arrow_options, 8);
AT(ndf_arrow_options, struct_size, 0);
AT(ndf_arrow_options, copy, 4);

SIZE(ndf_buffer, 80);
AT(ndf_buffer, buf, 0);
AT(ndf_buffer, obj, 8);
AT(ndf_buffer, len, 16);
AT(ndf_buffer, itemsize, 24);
AT(ndf_buffer, readonly, 32);
AT(ndf_buffer, ndim, 36);
AT(ndf_buffer, format, 40);
AT(ndf_buffer, shape, 48);
AT(ndf_buffer, strides, 56);
AT(ndf_buffer, suboffsets, 64);
AT(ndf_buffer, internal, 72);

SIZE(ndf_allocator, 32);
AT(ndf_allocator, struct_size, 0);
AT(ndf_allocator, reserved, 4);
AT(ndf_allocator, context, 8);
AT(ndf_allocator, allocate, 16);
AT(ndf_allocator, deallocate, 24);

SIZE(ndf_statistics, 24);
AT(ndf_statistics, struct_size, 0);
AT(ndf_statistics, reserved, 4);
AT(ndf_statistics, live_tensors, 8);
AT(ndf_statistics, live_bytes, 16);

IS(NDF_OK, 0);
IS(NDF_ERROR_INVALID_ARGUMENT, 1);
IS(NDF_ERROR_SHAPE, 2);
IS(NDF_ERROR_DTYPE, 3);
IS(NDF_ERROR_LAYOUT, 4);
IS(NDF_ERROR_RANGE, 5);
IS(NDF_ERROR_READ_ONLY, 6);
IS(NDF_ERROR_OVERFLOW, 7);
IS(NDF_ERROR_VERSION, 8);
IS(NDF_ERROR_BUFFER_TOO_SMALL, 9);
IS(NDF_ERROR_COPY_REQUIRED, 10);
IS(NDF_ERROR_UNSUPPORTED, 20);
IS(NDF_ERROR_DEVICE_UNAVAILABLE, 21);
IS(NDF_ERROR_OUT_OF_MEMORY, 40);
IS(NDF_ERROR_DEVICE_FAILURE, 41);
IS(NDF_ERROR_CALLBACK, 60);
IS(NDF_ERROR_INTERNAL, 99);

IS(NDF_ABI_VERSION, 0);
IS(NDF_DTYPE_SWAPPED, 1);
IS(NDF_DTYPE_PADDED, 2);
IS(NDF_WRAP_READ_ONLY, 1);
IS(NDF_SLICE_END, INT64_MIN);
IS(NDF_ARRAY_C_CONTIGUOUS, 0x1);
IS(NDF_ARRAY_F_CONTIGUOUS, 0x2);
IS(NDF_ARRAY_ALIGNED, 0x100);
IS(NDF_ARRAY_NOTSWAPPED, 0x200);
IS(NDF_ARRAY_WRITEABLE, 0x400);
IS(NDF_ARRAY_HAS_DESCR, 0x800);
IS(NDF_BUFFER_SIMPLE, 0);
IS(NDF_BUFFER_WRITABLE, 0x1);
IS(NDF_BUFFER_FORMAT, 0x4);
IS(NDF_BUFFER_ND, 0x8);
IS(NDF_BUFFER_STRIDES, 0x18);
IS(NDF_BUFFER_C_CONTIGUOUS, 0x38);
IS(NDF_BUFFER_F_CONTIGUOUS, 0x58);
IS(NDF_BUFFER_ANY_CONTIGUOUS, 0x98);
IS(NDF_BUFFER_FULL, 0x11d);
IS(NDF_BUFFER_FULL_RO, 0x11c);
IS(NDF_CUDA_ARRAY_READ_ONLY, 1);
IS(NDF_CUDA_ARRAY_HAS_STREAM, 2);
IS(NDF_PY_VERSIONED, 1);
IS(NDF_PY_COPIED, 2);

IS(NDF_CODE_INT, 0);
IS(NDF_CODE_UINT, 1);
IS(NDF_CODE_FLOAT, 2);
IS(NDF_CODE_OPAQUE, 3);
IS(NDF_CODE_BFLOAT, 4);
IS(NDF_CODE_COMPLEX, 5);
IS(NDF_CODE_BOOL, 6);
IS(NDF_CODE_FLOAT8_E3M4, 7);
IS(NDF_CODE_FLOAT8_E4M3, 8);
IS(NDF_CODE_FLOAT8_E4M3B11FNUZ, 9);
IS(NDF_CODE_FLOAT8_E4M3FN, 10);
IS(NDF_CODE_FLOAT8_E4M3FNUZ, 11);
IS(NDF_CODE_FLOAT8_E5M2, 12);
IS(NDF_CODE_FLOAT8_E5M2FNUZ, 13);
IS(NDF_CODE_FLOAT8_E8M0FNU, 14);
IS(NDF_CODE_FLOAT6_E2M3FN, 15);
IS(NDF_CODE_FLOAT6_E3M2FN, 16);
IS(NDF_CODE_FLOAT4_E2M1FN, 17);

IS(NDF_CASTING_DEFAULT, 0);
IS(NDF_CASTING_NO, 1);
IS(NDF_CASTING_EQUIV, 2);
IS(NDF_CASTING_SAFE, 3);
IS(NDF_CASTING_SAME_KIND, 4);
IS(NDF_CASTING_UNSAFE, 5);
IS(NDF_DTYPE_STYLE_NAME, 0);
IS(NDF_DTYPE_STYLE_TYPESTR, 1);
IS(NDF_DTYPE_STYLE_BUFFER, 2);
IS(NDF_DTYPE_STYLE_DESCR, 3);
IS(NDF_DEVICE_CPU, 1);
IS(NDF_DEVICE_CUDA, 2);
IS(NDF_DEVICE_CUDA_HOST, 3);
IS(NDF_DEVICE_ROCM, 10);
IS(NDF_DEVICE_ROCM_HOST, 11);
IS(NDF_DEVICE_CUDA_MANAGED, 13);
IS(NDF_ORDER_C, 0);
IS(NDF_ORDER_F, 1);
IS(NDF_ORDER_KEEP, 2);
IS(NDF_COPY_DEFAULT, 0);
IS(NDF_COPY_NEVER, 1);
IS(NDF_COPY_IF_NEEDED, 2);
IS(NDF_COPY_ALWAYS, 3);
IS(NDF_DLPACK_NEWEST, 0);
IS(NDF_DLPACK_LEGACY, 1);
IS(NDF_OVERFLOW_WRAP, 0);
IS(NDF_OVERFLOW_SATURATE, 1);

int main(void) { return ndf_abi_version() == NDF_ABI_VERSION ? 0 : 1; }
