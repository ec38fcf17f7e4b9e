/* The functions of AArch64 that a bare-metal guest needs and Swift cannot express. All of them run at EL1. */
#pragma once
#include <stdint.h>

/* Perform one access of the named width, never merged or split. */
uint8_t guest_load8(uint64_t address);
uint16_t guest_load16(uint64_t address);
uint32_t guest_load32(uint64_t address);
uint64_t guest_load64(uint64_t address);
void guest_store8(uint64_t address, uint8_t value);
void guest_store16(uint64_t address, uint16_t value);
void guest_store32(uint64_t address, uint32_t value);
void guest_store64(uint64_t address, uint64_t value);

/* Sets `size` bytes to 0, one by one. */
void guest_clear_bytes(void *bytes, uint64_t size);

/* Return the bounds of the image's own memory, [start, end), from the linker script. */
uint64_t guest_own_start(void);
uint64_t guest_own_end(void);

/* Maps the low 2 GiB one to one (devices below 1 GiB, cacheable RAM above) and turns the MMU and the caches on. */
void guest_enable_mmu(void);

/* Return CNTVCT_EL0 and CNTFRQ_EL0. */
uint64_t guest_counter(void);
uint64_t guest_counter_frequency(void);
/* Makes the virtual timer fire after `ticks`; guest_stop_timer disables it. */
void guest_start_timer(uint64_t ticks);
void guest_stop_timer(void);

/* Returns MPIDR_EL1's affinity fields. */
uint64_t guest_affinity(void);

/* Performs HVC with these values in x0…x3; returns x0. */
uint64_t guest_firmware_call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);
/* Performs HVC with these values in x0 and x1; stores x0…x3. */
void guest_firmware_results(uint64_t function, uint64_t x1, uint64_t *results);
/* Returns the address at which CPU_ON starts a second processor. The code there sets a stack and vectors, and calls
   guest_second_main, which the program defines. */
uint64_t guest_second_entry(void);

/* Set PSTATE.I, and execute WFI. */
void guest_enable_interrupts(void);
void guest_disable_interrupts(void);
void guest_wait_for_interrupt(void);
void guest_spin_hint(void);

/* The GIC's CPU interface, group 1 (GICv3, clause 12.2). */
void guest_enable_interrupt_interface(void);
uint32_t guest_acknowledge_interrupt(void);
void guest_end_interrupt(uint32_t number);
void guest_send_software_interrupt(uint64_t request);

/* Execute `count` turns for measurements: of nothing, an SMCCC_VERSION hypercall, a 32-bit load from `address`. */
void guest_loop_empty(uint64_t count);
void guest_loop_hypercall(uint64_t count);
void guest_loop_load(uint64_t count, uint64_t address);
/* Executes `count` (0…15) instructions besides its own, whose number does not depend on `count`. */
void guest_delay(uint64_t count);

/* Sets register n (0…30) of the next attempts. */
void guest_set_attempt_register(uint64_t n, uint64_t value);
/* Runs code at `entry` at EL1 with those registers, on a stack of its own and with the vectors replaced, until it
   returns to x30, takes an exception, or `ticks` have passed. `masks` is its PSTATE.DAIF, in bits 6…9. Works only while
   the MMU is off, because SCTLR_EL1 is reset afterwards. Returns 0 if the code has returned, ESR_EL1 after an
   exception, or GUEST_ATTEMPT_INTERRUPTED. */
uint64_t guest_attempt(uint64_t entry, uint64_t ticks, uint64_t masks);
#define GUEST_ATTEMPT_INTERRUPTED 0xFFFFFFFFFFFFFFFF
/* Returns x0 at the end of the last attempt that has returned. */
uint64_t guest_attempt_result(void);

/* Runs code at `entry` with the processor state `state` and these two registers, MMU off, until it takes an exception.
   The code must not touch the stack. Returns ESR_EL1; guest_probe_result returns the exception's other registers. */
uint64_t guest_probe(uint64_t entry, uint64_t state, uint64_t x0, uint64_t x1);
#define GUEST_PROBE_PC 0
#define GUEST_PROBE_ADDRESS 1
#define GUEST_PROBE_STATE 2
#define GUEST_PROBE_X0 3
uint64_t guest_probe_result(uint64_t n);

/* Returns a page-aligned buffer of 64 KiB for generated code; after a write, guest_publish_code makes it executable. */
uint64_t guest_code_buffer(void);
void guest_publish_code(uint64_t address, uint64_t size);
#define GUEST_CODE_SIZE 0x10000

/* Return accesses of every kind, as code for guest_attempt: each uses the address in x0 and the data in x1. */
uint64_t guest_access_count(void);
uint64_t guest_access_code(uint64_t n);

/* Sets the exception vectors to `address`. From here on the guest catches no exception. */
void guest_set_vectors(uint64_t address);
/* Jumps to `entry` with the registers of attempts, and does not return. */
void guest_jump(uint64_t entry) __attribute__((noreturn));

/* Runs code at `entry` at EL1 with registers from `state` until it takes an exception, and stores the registers there:
   x0…x30, the stack pointer that it uses, then v0…v31, 768 bytes in all. Returns ESR_EL1. */
uint64_t guest_execute(uint64_t entry, uint64_t *state, uint64_t processor_state);
/* Sets TTBR0_EL1, TTBR1_EL1 and TCR_EL1, and turns the MMU and the caches on. Memory attribute 0 is device memory, 1 is
   normal memory. */
void guest_translate(uint64_t low, uint64_t high, uint64_t configuration);
void guest_stop_translation(void);
/* Returns ID_AA64MMFR0_EL1. */
uint64_t guest_memory_features(void);
/* Returns ISR_EL1. */
uint64_t guest_interrupt_status(void);
/* Sets CNTV_CTL_EL0, with a compare value in the past: ENABLE raises the line, IMASK lowers it. */
void guest_set_timer(uint64_t control);
/* Sets CNTP_CTL_EL0 in the same way. */
void guest_set_physical_timer(uint64_t control);
/* Sets ICC_PMR_EL1. */
void guest_set_priority_mask(uint64_t mask);
