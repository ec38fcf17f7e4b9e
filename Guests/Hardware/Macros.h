// Macros of the assembly files of this folder.
    .macro function name
    .section .text.\name, "ax"
    .global \name
    .balign 16
\name:
    .endm

    .macro load_address register, symbol
    adrp    \register, \symbol
    add     \register, \register, :lo12:\symbol
    .endm

// The system registers of the GIC's CPU interface, which not every assembler knows by name.
#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_AP1R0_EL1   S3_0_C12_C9_0
#define ICC_SGI1R_EL1   S3_0_C12_C11_5
