/* What a program of somebody else's does with ndferry: a matrix turned, in C. */
#include <ndferry.h>
#include <stdio.h>

int main(void) {
    float values[2][3] = {{1, 2, 3}, {4, 5, 6}};
    float turned[3][2];
    ndf_tensor *from = NULL, *view = NULL, *to = NULL;
    int failed = ndf_abi_version() != NDF_ABI_VERSION ||
                 ndf_tensor_wrap(values, NDF_DTYPE_FLOAT32, 2, (int64_t[]){2, 3}, NULL, NULL, NULL, NULL, &from) ||
                 ndf_tensor_wrap(turned, NDF_DTYPE_FLOAT32, 2, (int64_t[]){3, 2}, NULL, NULL, NULL, NULL, &to) ||
                 ndf_tensor_permute(from, 2, (int32_t[]){1, 0}, &view) || ndf_tensor_copy_into(view, to, NULL);
    for (int i = 0; i < 6 && !failed; i++) {
        failed = turned[i % 3][i / 3] != values[i / 3][i % 3];
    }
    printf("ndferry %s: %s\n", ndf_version_string(), failed ? ndf_last_error_message() : "turned");
    ndf_tensor_release(view);
    ndf_tensor_release(from);
    ndf_tensor_release(to);
    return failed;
}
