// Start-up code, from the boot loader or PSCI to Swift.
//
// The kernel is an arm64 Image (Linux, Documentation/arm64/booting). The boot loader enters it at EL2 with the MMU
// off and the device tree's address in x0. The kernel may lie at any multiple of 2 MiB, so it relocates itself first.

    .equ    AREA_SIZE, 0x4000           // one per core: guard page, two pages of stack, page of `Core`
    .equ    CORE_OFFSET, 0x3000
    .equ    CORE_COUNT, 8

    .section .text.header, "ax"
    .global _start
_start:
    b       start                       // code0
    nop                                 // code1
    .quad   0                           // text_offset
    .quad   0                           // image_size: the host tool writes it
    .quad   0xa                         // flags: little endian, 4 KiB pages, anywhere in memory
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

    .section .text.start, "ax"
start:
    msr     daifset, #15
    mrs     x1, CurrentEL
    cmp     x1, #(2 << 2)
    b.ne    halt                        // The kernel cannot work without EL2.
    mov     x19, x0                     // No code before kernel_main changes x19.
    bl      forget_image                // No cache line may overwrite the stores that follow,
    bl      relocate
    adrp    x1, kernel_core_areas + CORE_OFFSET
    add     x1, x1, :lo12:(kernel_core_areas + CORE_OFFSET)
    msr     tpidr_el2, x1
    mov     sp, x1
    mov     x29, xzr
    mov     x30, xzr
    bl      kernel_build_tables         // The MMU is off: touches only aligned words.
    bl      forget_image                // nor hide them from accesses through the caches.
    bl      enable_mmu
    mov     x0, x19
    bl      kernel_main
    b       kernel_resume               // x0: the context to run

// Entry of a further core, by PSCI CPU_ON; x0 is its number.
    .global kernel_secondary_start
kernel_secondary_start:
    msr     daifset, #15
    mov     x19, x0
    adrp    x1, kernel_core_areas + CORE_OFFSET
    add     x1, x1, :lo12:(kernel_core_areas + CORE_OFFSET)
    mov     x2, #AREA_SIZE
    madd    x1, x19, x2, x1
    msr     tpidr_el2, x1
    mov     sp, x1
    mov     x29, xzr
    mov     x30, xzr
    bl      enable_mmu
    mov     x0, x19
    bl      kernel_secondary_main
    b       kernel_resume

halt:
    wfe
    b       halt

// Applies the R_AARCH64_RELATIVE relocations: adds the load address to each word that holds a link address.
relocate:
    adrp    x1, kernel_start
    add     x1, x1, :lo12:kernel_start
    adrp    x2, kernel_rela_start
    add     x2, x2, :lo12:kernel_rela_start
    adrp    x3, kernel_rela_end
    add     x3, x3, :lo12:kernel_rela_end
1:  cmp     x2, x3
    b.hs    2f
    ldp     x4, x5, [x2], #16           // r_offset, r_info
    ldr     x6, [x2], #8                // r_addend
    cmp     w5, #1027                   // R_AARCH64_RELATIVE
    b.ne    1b
    add     x6, x6, x1
    str     x6, [x4, x1]
    b       1b
2:  ret

// Writes the kernel's cache lines back to memory, and removes them from the caches. While the MMU is off, the
// kernel's stores bypass the caches. The boot protocol promises that the image is in memory, but not that no cache
// holds a line of it, and promises nothing of .bss.
forget_image:
    adrp    x1, kernel_start
    add     x1, x1, :lo12:kernel_start
    adrp    x2, kernel_end
    add     x2, x2, :lo12:kernel_end
    mrs     x3, ctr_el0
    ubfx    x3, x3, #16, #4             // DminLine: words of the smallest line, as a power of two
    mov     x4, #4
    lsl     x3, x4, x3
    dsb     sy
1:  dc      civac, x1
    add     x1, x1, x3
    cmp     x1, x2
    b.lo    1b
    dsb     sy
    ret

// Turns on EL2's stage 1 with the tables that kernel_build_tables made.
enable_mmu:
    ldr     x1, =0xff04                 // MAIR: 0 Device-nGnRE, 1 Normal write-back
    msr     mair_el2, x1
    mrs     x2, id_aa64mmfr0_el1
    and     x2, x2, #15
    cmp     x2, #5                      // 48 bits of physical address suffice.
    mov     x3, #5
    csel    x2, x2, x3, lo
    ldr     x1, =0x80803519             // 39 bits, 4 KiB, inner shareable, write-back
    orr     x1, x1, x2, lsl #16
    msr     tcr_el2, x1
    adrp    x1, kernel_table_1
    msr     ttbr0_el2, x1
    dsb     sy
    tlbi    alle2
    ic      iallu
    dsb     sy
    isb
    ldr     x1, =0x30cd183d             // MMU, caches, stack alignment, write implies no execute
    msr     sctlr_el2, x1
    isb
    ret

    .section .bss.pages, "aw", %nobits
    .balign 4096
    .global kernel_core_areas
kernel_core_areas:
    .space  AREA_SIZE * CORE_COUNT
    .global kernel_table_1, kernel_table_2, kernel_table_3, kernel_empty_table, kernel_board
kernel_table_1:
    .space  4096
kernel_table_2:
    .space  4096
kernel_table_3:
    .space  4096
kernel_empty_table:                     // stage 2 of a core without a tenant: maps nothing
    .space  4096
kernel_board:
    .space  8192
