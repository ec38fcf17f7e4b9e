/* The instructions that Swift code of a component needs: SVC, by which it calls the kernel, and others. */
#pragma once
#include <stdint.h>

/* The registers x0…x7 before and after an operation. */
struct entente_registers {
    uint64_t x0, x1, x2, x3, x4, x5, x6, x7;
};

/* Executes SVC #0. The kernel keeps x18…x30 and the stack pointer; x8…x17 come back undefined (docs/abi.md). */
static inline __attribute__((always_inline)) struct entente_registers
entente_svc(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7)
{
    register uint64_t x0 __asm__("x0") = a0;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;
    register uint64_t x4 __asm__("x4") = a4;
    register uint64_t x5 __asm__("x5") = a5;
    register uint64_t x6 __asm__("x6") = a6;
    register uint64_t x7 __asm__("x7") = a7;
    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6), "+r"(x7)
                     :
                     : "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory", "cc");
    struct entente_registers back = {x0, x1, x2, x3, x4, x5, x6, x7};
    return back;
}

/* Return the system counter (CNTVCT_EL0) and its frequency in Hz (CNTFRQ_EL0). */
static inline __attribute__((always_inline)) uint64_t entente_counter(void)
{
    uint64_t value;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static inline __attribute__((always_inline)) uint64_t entente_counter_frequency(void)
{
    uint64_t value;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

static inline __attribute__((always_inline)) void entente_spin_hint(void)
{
    __asm__ volatile("yield" ::: "memory");
}

/* Ends this component by a BRK whose immediate holds the reason (`MachineEnd`). */
static inline __attribute__((always_inline, noreturn)) void entente_end_by_panic(void)
{
    __asm__ volatile("brk #0xe001");
    __builtin_unreachable();
}
static inline __attribute__((always_inline, noreturn)) void entente_end_by_hang(void)
{
    __asm__ volatile("brk #0xe002");
    __builtin_unreachable();
}

/* Does nothing. The compiler must assume that `value` is used and that memory changes, so that it leaves measured
 * loops as they are. */
static inline __attribute__((always_inline)) void entente_opaque(void)
{
    __asm__ volatile("" ::: "memory");
}
static inline __attribute__((always_inline)) void entente_consume(uint64_t value)
{
    __asm__ volatile("" ::"r"(value));
}

/* Fill and copy much memory at EL0, by vector registers. Sizes are multiples of 64 bytes, addresses of 16. */
void entente_zero_blocks(uint64_t address, uint64_t size);
void entente_copy_blocks(uint64_t to, uint64_t from, uint64_t size);
/* Cleans (and invalidates) [address, address + size) to the point of coherency. */
void entente_clean_to_memory(uint64_t address, uint64_t size);
/* Cleans the line of an address to the point of coherency, for a reader that does not use caches. */
static inline __attribute__((always_inline)) void entente_clean_line(uint64_t address)
{
    __asm__ volatile("dc cvac, %0\n\tdsb sy" ::"r"(address) : "memory");
}
/* Do the same as zero_blocks or copy_blocks and then clean_to_memory, in one pass. Addresses are multiples of 8. */
void entente_zero_to_memory(uint64_t address, uint64_t size);
void entente_copy_to_memory(uint64_t to, uint64_t from, uint64_t size);
/* Returns the CRC-32C (Castagnoli) of `size` bytes, a multiple of 8, from an address that is a multiple of 8. It uses
 * the instructions of FEAT_CRC32, which every core since Armv8.1 has, and all cores that QEMU emulates. */
uint32_t entente_crc32c(uint64_t address, uint64_t size);
/* Access a device register once, with the named width. The compiler neither merges nor splits the access. */
static inline __attribute__((always_inline)) uint32_t entente_read32(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
static inline __attribute__((always_inline)) uint64_t entente_read64(uint64_t address)
{
    uint64_t value;
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
static inline __attribute__((always_inline)) void entente_write64(uint64_t address, uint64_t value)
{
    __asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
}
static inline __attribute__((always_inline)) void entente_write32(uint64_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}
static inline __attribute__((always_inline)) uint8_t entente_read8(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return (uint8_t)value;
}
static inline __attribute__((always_inline)) uint16_t entente_read16(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return (uint16_t)value;
}
static inline __attribute__((always_inline)) void entente_write8(uint64_t address, uint8_t value)
{
    __asm__ volatile("strb %w0, [%1]" ::"r"((uint32_t)value), "r"(address) : "memory");
}
static inline __attribute__((always_inline)) void entente_write16(uint64_t address, uint16_t value)
{
    __asm__ volatile("strh %w0, [%1]" ::"r"((uint32_t)value), "r"(address) : "memory");
}
/* Orders accesses to memory before it with accesses to device registers after it, and accesses to device registers
 * before it with accesses to memory after it. */
static inline __attribute__((always_inline)) void entente_device_barrier(void)
{
    __asm__ volatile("dsb sy" ::: "memory");
}
