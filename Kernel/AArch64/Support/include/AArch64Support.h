/* Access to hardware that Swift cannot express: system registers, barriers, TLB and cache maintenance, and the linker's
   symbols. Register names are those of the Arm Architecture Reference Manual (DDI 0487) and the GIC specification
   (IHI 0069). */
#pragma once
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

/* Defines read_NAME() and write_NAME(value) for a system register; ENCODED takes the encoding of a name that assemblers
   do not know. */
#define SYSTEM_REGISTER_ENCODED(name, encoding)                                                                        \
    INLINE uint64_t read_##name(void)                                                                                  \
    {                                                                                                                  \
        uint64_t value;                                                                                                \
        __asm__ volatile("mrs %0, " encoding : "=r"(value)::"memory");                                                 \
        return value;                                                                                                  \
    }                                                                                                                  \
    INLINE void write_##name(uint64_t value) { __asm__ volatile("msr " encoding ", %0" ::"r"(value) : "memory"); }
#define SYSTEM_REGISTER(name) SYSTEM_REGISTER_ENCODED(name, #name)
#define READ_ONLY_REGISTER_ENCODED(name, encoding)                                                                     \
    INLINE uint64_t read_##name(void)                                                                                  \
    {                                                                                                                  \
        uint64_t value;                                                                                                \
        __asm__ volatile("mrs %0, " encoding : "=r"(value)::"memory");                                                 \
        return value;                                                                                                  \
    }
#define READ_ONLY_REGISTER(name) READ_ONLY_REGISTER_ENCODED(name, #name)

/* EL2: control, traps, syndromes. */
SYSTEM_REGISTER(HCR_EL2)
SYSTEM_REGISTER(VTCR_EL2)
SYSTEM_REGISTER(VTTBR_EL2)
SYSTEM_REGISTER(CPTR_EL2)
SYSTEM_REGISTER(MDCR_EL2)
SYSTEM_REGISTER(HSTR_EL2)
SYSTEM_REGISTER(CNTHCTL_EL2)
SYSTEM_REGISTER(CNTVOFF_EL2)
SYSTEM_REGISTER(CNTHP_CTL_EL2)
SYSTEM_REGISTER(CNTHP_CVAL_EL2)
SYSTEM_REGISTER(VPIDR_EL2)
SYSTEM_REGISTER(VMPIDR_EL2)
SYSTEM_REGISTER(TPIDR_EL2)
SYSTEM_REGISTER(ELR_EL2)
SYSTEM_REGISTER(SPSR_EL2)
SYSTEM_REGISTER(VBAR_EL2)
SYSTEM_REGISTER(SCTLR_EL2)
SYSTEM_REGISTER(TCR_EL2)
SYSTEM_REGISTER(TTBR0_EL2)
SYSTEM_REGISTER(MAIR_EL2)
/* These are UNKNOWN at reset, and exist only with FEAT_HCX, FEAT_FGT, FEAT_FGT2, FEAT_MPAM and FEAT_RAS. */
SYSTEM_REGISTER_ENCODED(HCRX_EL2, "S3_4_C1_C2_2")
SYSTEM_REGISTER_ENCODED(HFGRTR_EL2, "S3_4_C1_C1_4")
SYSTEM_REGISTER_ENCODED(HFGWTR_EL2, "S3_4_C1_C1_5")
SYSTEM_REGISTER_ENCODED(HFGITR_EL2, "S3_4_C1_C1_6")
SYSTEM_REGISTER_ENCODED(HDFGRTR_EL2, "S3_4_C3_C1_4")
SYSTEM_REGISTER_ENCODED(HDFGWTR_EL2, "S3_4_C3_C1_5")
SYSTEM_REGISTER_ENCODED(HAFGRTR_EL2, "S3_4_C3_C1_6")
SYSTEM_REGISTER_ENCODED(HDFGRTR2_EL2, "S3_4_C3_C1_0")
SYSTEM_REGISTER_ENCODED(HDFGWTR2_EL2, "S3_4_C3_C1_1")
SYSTEM_REGISTER_ENCODED(HFGRTR2_EL2, "S3_4_C3_C1_2")
SYSTEM_REGISTER_ENCODED(HFGWTR2_EL2, "S3_4_C3_C1_3")
SYSTEM_REGISTER_ENCODED(HFGITR2_EL2, "S3_4_C3_C1_7")
SYSTEM_REGISTER_ENCODED(MPAM2_EL2, "S3_4_C10_C5_0")
SYSTEM_REGISTER_ENCODED(MPAMHCR_EL2, "S3_4_C10_C4_0")
SYSTEM_REGISTER_ENCODED(MPAM1_EL1, "S3_0_C10_C5_0")
SYSTEM_REGISTER_ENCODED(MPAM0_EL1, "S3_0_C10_C5_1")
READ_ONLY_REGISTER_ENCODED(MPAMIDR_EL1, "S3_0_C10_C4_4")
SYSTEM_REGISTER_ENCODED(VSESR_EL2, "S3_4_C5_C2_3")
SYSTEM_REGISTER_ENCODED(VDISR_EL2, "S3_4_C12_C1_1")
SYSTEM_REGISTER_ENCODED(DISR_EL1, "S3_0_C12_C1_1")
READ_ONLY_REGISTER(ISR_EL1)
READ_ONLY_REGISTER(ESR_EL2)
READ_ONLY_REGISTER(FAR_EL2)
READ_ONLY_REGISTER(HPFAR_EL2)

/* EL1 and EL0: the registers of a virtual CPU. */
SYSTEM_REGISTER(SCTLR_EL1)
SYSTEM_REGISTER(CPACR_EL1)
SYSTEM_REGISTER(TTBR0_EL1)
SYSTEM_REGISTER(TTBR1_EL1)
SYSTEM_REGISTER(TCR_EL1)
SYSTEM_REGISTER(ESR_EL1)
SYSTEM_REGISTER(AFSR0_EL1)
SYSTEM_REGISTER(AFSR1_EL1)
SYSTEM_REGISTER(FAR_EL1)
SYSTEM_REGISTER(MAIR_EL1)
SYSTEM_REGISTER(AMAIR_EL1)
SYSTEM_REGISTER(VBAR_EL1)
SYSTEM_REGISTER(CONTEXTIDR_EL1)
SYSTEM_REGISTER(PAR_EL1)
SYSTEM_REGISTER(TPIDR_EL1)
SYSTEM_REGISTER(TPIDR_EL0)
SYSTEM_REGISTER(TPIDRRO_EL0)
SYSTEM_REGISTER(SP_EL1)
SYSTEM_REGISTER(ELR_EL1)
SYSTEM_REGISTER(SPSR_EL1)
SYSTEM_REGISTER(CSSELR_EL1)
SYSTEM_REGISTER(CNTKCTL_EL1)
SYSTEM_REGISTER(MDSCR_EL1)
SYSTEM_REGISTER(OSDLR_EL1)
INLINE void write_OSLAR_EL1(uint64_t value) { __asm__ volatile("msr OSLAR_EL1, %0" ::"r"(value) : "memory"); }
SYSTEM_REGISTER_ENCODED(TPIDR2_EL0, "S3_3_C13_C0_5")
SYSTEM_REGISTER(CNTV_CTL_EL0)
SYSTEM_REGISTER(CNTV_CVAL_EL0)
SYSTEM_REGISTER(CNTP_CTL_EL0)
SYSTEM_REGISTER(CNTP_CVAL_EL0)
SYSTEM_REGISTER(FPCR)
SYSTEM_REGISTER(FPSR)

/* The generic interrupt controller's CPU and virtual interfaces. */
SYSTEM_REGISTER(ICC_SRE_EL2)
SYSTEM_REGISTER(ICC_SRE_EL1)
SYSTEM_REGISTER(ICC_PMR_EL1)
SYSTEM_REGISTER(ICC_BPR1_EL1)
SYSTEM_REGISTER(ICC_CTLR_EL1)
SYSTEM_REGISTER(ICC_IGRPEN1_EL1)
READ_ONLY_REGISTER(ICC_IAR1_EL1)
SYSTEM_REGISTER(ICH_HCR_EL2)
SYSTEM_REGISTER(ICH_VMCR_EL2)
READ_ONLY_REGISTER(ICH_VTR_EL2)
SYSTEM_REGISTER(ICH_LR0_EL2)
SYSTEM_REGISTER(ICH_LR1_EL2)
SYSTEM_REGISTER(ICH_LR2_EL2)
SYSTEM_REGISTER(ICH_LR3_EL2)
SYSTEM_REGISTER(ICH_LR4_EL2)
SYSTEM_REGISTER(ICH_LR5_EL2)
SYSTEM_REGISTER(ICH_LR6_EL2)
SYSTEM_REGISTER(ICH_LR7_EL2)
SYSTEM_REGISTER(ICH_LR8_EL2)
SYSTEM_REGISTER(ICH_LR9_EL2)
SYSTEM_REGISTER(ICH_LR10_EL2)
SYSTEM_REGISTER(ICH_LR11_EL2)
SYSTEM_REGISTER(ICH_LR12_EL2)
SYSTEM_REGISTER(ICH_LR13_EL2)
SYSTEM_REGISTER(ICH_LR14_EL2)
SYSTEM_REGISTER(ICH_LR15_EL2)
SYSTEM_REGISTER(ICH_AP0R0_EL2)
SYSTEM_REGISTER(ICH_AP1R0_EL2)
SYSTEM_REGISTER(ICH_AP0R1_EL2)
SYSTEM_REGISTER(ICH_AP1R1_EL2)
SYSTEM_REGISTER(ICH_AP0R2_EL2)
SYSTEM_REGISTER(ICH_AP1R2_EL2)
SYSTEM_REGISTER(ICH_AP0R3_EL2)
SYSTEM_REGISTER(ICH_AP1R3_EL2)
INLINE void write_ICC_EOIR1_EL1(uint64_t value) { __asm__ volatile("msr ICC_EOIR1_EL1, %0" ::"r"(value) : "memory"); }
INLINE void write_ICC_DIR_EL1(uint64_t value) { __asm__ volatile("msr ICC_DIR_EL1, %0" ::"r"(value) : "memory"); }
INLINE void write_ICC_SGI1R_EL1(uint64_t value) { __asm__ volatile("dsb ish\n\tmsr ICC_SGI1R_EL1, %0\n\tisb" ::"r"(value) : "memory"); }

/* Identification. */
READ_ONLY_REGISTER(MIDR_EL1)
READ_ONLY_REGISTER(MPIDR_EL1)
READ_ONLY_REGISTER(CNTVCT_EL0)
READ_ONLY_REGISTER(CNTPCT_EL0)
READ_ONLY_REGISTER(CNTFRQ_EL0)
READ_ONLY_REGISTER(CTR_EL0)
READ_ONLY_REGISTER(ID_AA64PFR0_EL1)
READ_ONLY_REGISTER(ID_AA64PFR1_EL1)
READ_ONLY_REGISTER(ID_AA64DFR0_EL1)
READ_ONLY_REGISTER(ID_AA64ISAR0_EL1)
READ_ONLY_REGISTER(ID_AA64ISAR1_EL1)
READ_ONLY_REGISTER_ENCODED(ID_AA64ISAR2_EL1, "S3_0_C0_C6_2")
READ_ONLY_REGISTER(ID_AA64MMFR0_EL1)
READ_ONLY_REGISTER(ID_AA64MMFR1_EL1)
READ_ONLY_REGISTER(ID_AA64MMFR2_EL1)
READ_ONLY_REGISTER(ID_PFR0_EL1)
READ_ONLY_REGISTER(ID_PFR1_EL1)
READ_ONLY_REGISTER(ID_MMFR0_EL1)
READ_ONLY_REGISTER(ID_MMFR1_EL1)
READ_ONLY_REGISTER(ID_MMFR2_EL1)
READ_ONLY_REGISTER(ID_MMFR3_EL1)
READ_ONLY_REGISTER(ID_MMFR4_EL1)
READ_ONLY_REGISTER(ID_ISAR0_EL1)
READ_ONLY_REGISTER(ID_ISAR1_EL1)
READ_ONLY_REGISTER(ID_ISAR2_EL1)
READ_ONLY_REGISTER(ID_ISAR3_EL1)
READ_ONLY_REGISTER(ID_ISAR4_EL1)
READ_ONLY_REGISTER(ID_ISAR5_EL1)
READ_ONLY_REGISTER_ENCODED(ID_ISAR6_EL1, "S3_0_C0_C2_7")
READ_ONLY_REGISTER(MVFR0_EL1)
READ_ONLY_REGISTER(MVFR1_EL1)
READ_ONLY_REGISTER(MVFR2_EL1)

/* A number of the processor's generator (RNDR, FEAT_RNG). `is_valid` is 0 if it has none at the moment. */
struct random_number {
    uint64_t value, is_valid;
};
INLINE struct random_number read_random_number(void)
{
    struct random_number number;
    __asm__ volatile("mrs %0, S3_3_C2_C4_0\n\tcset %1, ne" : "=r"(number.value), "=r"(number.is_valid)::"cc");
    return number;
}

/* Barriers and waiting. */
INLINE void barrier_isb(void) { __asm__ volatile("isb" ::: "memory"); }
INLINE void barrier_dmb_ishst(void) { __asm__ volatile("dmb ishst" ::: "memory"); }
INLINE void barrier_dmb_ishld(void) { __asm__ volatile("dmb ishld" ::: "memory"); }
INLINE void barrier_dmb_ish(void) { __asm__ volatile("dmb ish" ::: "memory"); }
INLINE void spin_hint(void) { __asm__ volatile("yield" ::: "memory"); }
INLINE void barrier_dsb_ishst(void) { __asm__ volatile("dsb ishst" ::: "memory"); }
INLINE void barrier_dsb_ish(void) { __asm__ volatile("dsb ish" ::: "memory"); }
INLINE void barrier_dsb_sy(void) { __asm__ volatile("dsb sy" ::: "memory"); }
INLINE void wait_for_interrupt(void) { __asm__ volatile("dsb sy\n\twfi" ::: "memory"); }

/* TLB maintenance for the VMID in VTTBR_EL2 (DDI 0487, D8.13). */
INLINE void tlbi_ipas2e1is(uint64_t page) { __asm__ volatile("tlbi ipas2e1is, %0" ::"r"(page) : "memory"); }
INLINE void tlbi_vmalls12e1is(void) { __asm__ volatile("tlbi vmalls12e1is" ::: "memory"); }
INLINE void tlbi_vmalle1is(void) { __asm__ volatile("tlbi vmalle1is" ::: "memory"); }
INLINE void tlbi_vmalle1(void) { __asm__ volatile("tlbi vmalle1" ::: "memory"); }
INLINE void tlbi_alle1is(void) { __asm__ volatile("tlbi alle1is" ::: "memory"); }
/* Translates an address by stage 1 of the machine whose registers this core holds, as a load at EL1. Returns PAR_EL1,
   and leaves the machine's own value there. DDI 0487, D8.16: AT from EL2 uses the EL1&0 regime while TGE is 0. DSB and
   ISB are a speculation barrier, so that no core executes the AT behind a branch that it has predicted wrongly, while
   the registers belong to several tenants (errata 1165522, 1319367, 1319537 and 1530923). */
INLINE uint64_t translate_load_el1(uint64_t address)
{
    uint64_t own, result;
    __asm__ volatile("mrs %0, PAR_EL1\n\tdsb nsh\n\tisb\n\tat s1e1r, %2\n\tisb\n\tmrs %1, PAR_EL1\n\tmsr PAR_EL1, %0"
                     : "=&r"(own), "=&r"(result)
                     : "r"(address)
                     : "memory");
    return result;
}
INLINE void instruction_cache_invalidate_all(void) { __asm__ volatile("ic ialluis\n\tdsb ish\n\tisb" ::: "memory"); }

/* Takes an asynchronous abort that earlier code of a tenant has caused. Waits until the accesses made before have
   completed, so that their aborts have arrived; returns whether there was one. With FEAT_RAS an error synchronization
   barrier (ESB) defers the abort to DISR_EL1 (DDI 0487, RAS chapter of D17). Otherwise it is pending in ISR_EL1
   (D19.2.63) and is taken to `own_error` of Vectors.S, which clobbers ELR_EL2, SPSR_EL2, ESR_EL2 and FAR_EL2. */
INLINE uint64_t take_error(void)
{
    if ((read_ID_AA64PFR0_EL1() >> 28 & 15) != 0) {
        __asm__ volatile("hint #16" ::: "memory"); /* ESB */
        uint64_t deferred = read_DISR_EL1();
        if (deferred == 0) return 0;
        write_DISR_EL1(0);
        return 1;
    }
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
    if ((read_ISR_EL1() & 1 << 8) == 0) return 0;
    __asm__ volatile("msr daifclr, #4\n\tisb\n\tmsr daifset, #4" ::: "memory");
    return 1;
}

/* Reads two neighbouring words by one instruction, which the compiler cannot repeat, split or omit. Each word is whole
   (DDI 0487, B2.2.1). */
typedef struct {
    uint64_t first, second;
} word_pair;
INLINE word_pair memory_read_pair(uint64_t address)
{
    word_pair pair;
    __asm__ volatile("ldp %0, %1, [%2]" : "=&r"(pair.first), "=r"(pair.second) : "r"(address) : "memory");
    return pair;
}

/* Access to device registers: one access of the named width. */
INLINE uint32_t device_read32(uint64_t address)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
INLINE void device_write32(uint64_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}
INLINE uint64_t device_read64(uint64_t address)
{
    uint64_t value;
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}
INLINE void device_write64(uint64_t address, uint64_t value)
{
    __asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
}
/* Access to a word of RAM that a table walker or another core may read. */
INLINE uint64_t memory_read64(uint64_t address) { return device_read64(address); }
INLINE void memory_write64(uint64_t address, uint64_t value) { device_write64(address, value); }

/* Performs a PSCI call by SMC (DEN 0022, 5.1). */
INLINE uint64_t psci_call(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;
    __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "x4", "x5", "x6", "x7", "x8", "x9", "x10",
                     "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory");
    return x0;
}

/* Functions in assembly: Memory.S, FloatingPoint.S, Debug.S, Boot.S. */
void memory_zero(uint64_t address, uint64_t size);
void *memcpy(void *to, const void *from, unsigned long size);
INLINE void memory_copy(uint64_t to, uint64_t from, uint64_t size) { memcpy((void *)to, (const void *)from, size); }
void floating_point_save(uint64_t frame);
void floating_point_load(uint64_t frame);
uint64_t debug_exchange(uint64_t index, uint64_t value);

/* Returns the address of a symbol of the linker, at which the kernel was loaded. */
#define SYMBOL(name)                                                                                                   \
    extern char name[];                                                                                                \
    INLINE uint64_t address_of_##name(void)                                                                            \
    {                                                                                                                  \
        uint64_t value;                                                                                                \
        __asm__("adrp %0, " #name "\n\tadd %0, %0, :lo12:" #name : "=r"(value));                                       \
        return value;                                                                                                  \
    }
SYMBOL(kernel_start)
SYMBOL(kernel_text_end)
SYMBOL(kernel_rodata_end)
SYMBOL(kernel_end)
SYMBOL(kernel_core_areas)
SYMBOL(kernel_table_1)
SYMBOL(kernel_table_2)
SYMBOL(kernel_table_3)
SYMBOL(kernel_board)
SYMBOL(kernel_empty_table)
SYMBOL(kernel_secondary_start)
SYMBOL(kernel_vectors)
