/* Wine 8 has no bcryptprimitives.dll, from which Rust's standard library takes its random
 * numbers. This is one for our tests: the same numbers from an older function. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    return SystemFunction036(buffer, (ULONG)length);
}
