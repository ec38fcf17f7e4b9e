/* Linux's device for virtual machines, /dev/kvm, as far as one processor on AArch64 needs it. The layouts are those of
   Linux's user interface (include/uapi/linux/kvm.h and arch/arm64/include/uapi/asm/kvm.h). */
#pragma once
#include "linux.h"

/* The code of a device's operation: its direction, the size of its argument, its type, its number. */
#define KVM_OPERATION(direction, number, size) \
    ((long)((uint32_t)(direction) << 30 | (size) << 16 | 0xae << 8 | (number)))
#define KVM_NONE 0
#define KVM_WRITE 1
#define KVM_READ 2

/* A piece of the memory of this process that is memory of a machine. A size of 0 takes it away. */
struct kvm_region {
    uint32_t slot, flags;
    uint64_t address, size, memory;
};
/* A register, and the address of its value. */
struct kvm_register {
    uint64_t number, value;
};
struct kvm_target {
    uint32_t target, features[7];
};
/* A shared peripheral interrupt's line, 1 << 24 | its number, and the line's level. */
struct kvm_line {
    uint32_t interrupt, level;
};
/* An event that raises an interrupt, by its number counted from the first shared one. */
struct kvm_interrupt_event {
    uint32_t event, interrupt, flags, other_event;
    uint8_t padding[16];
};
/* An event that a store to an address signals. */
struct kvm_store_event {
    uint64_t value, address;
    uint32_t size, event, flags;
    uint8_t padding[36];
};
struct kvm_device {
    uint32_t type, file, flags;
};
struct kvm_attribute {
    uint32_t flags, group;
    uint64_t attribute, address;
};
/* The memory that a processor shares with this process. Its later parts are not used here. */
struct kvm_run {
    /* If `returns_at_once` is 1, KVM_RUN ends with -EINTR after it has completed the last exit. */
    uint8_t wants_interrupts, returns_at_once, before[6];
    uint32_t reason;
    uint8_t between[20];
    /* The address of an access to no memory. */
    uint64_t address;
};

enum {
    KVM_EXIT_REGISTER = 6,
    KVM_INTERRUPT_IS_SHARED = 1 << 24,
    KVM_HAS_PSCI = 1 << 2,
    KVM_UNBIND_STORE = 1 << 2,
    KVM_GIC_V3 = 7,
    KVM_GIC_ADDRESS = 0,
    KVM_GIC_CONTROL = 4,
    KVM_GIC_DISTRIBUTOR = 2,
    KVM_GIC_REDISTRIBUTOR = 3,
    KVM_GIC_INITIALIZE = 0,
};

#define KVM_CREATE_VM KVM_OPERATION(KVM_NONE, 0x01, 0)
#define KVM_SIZE_OF_RUN KVM_OPERATION(KVM_NONE, 0x04, 0)
#define KVM_CREATE_PROCESSOR KVM_OPERATION(KVM_NONE, 0x41, 0)
#define KVM_RUN KVM_OPERATION(KVM_NONE, 0x80, 0)
#define KVM_SET_REGION KVM_OPERATION(KVM_WRITE, 0x46, sizeof(struct kvm_region))
#define KVM_SET_LINE KVM_OPERATION(KVM_WRITE, 0x61, sizeof(struct kvm_line))
#define KVM_BIND_INTERRUPT KVM_OPERATION(KVM_WRITE, 0x76, sizeof(struct kvm_interrupt_event))
#define KVM_BIND_STORE KVM_OPERATION(KVM_WRITE, 0x79, sizeof(struct kvm_store_event))
#define KVM_SET_REGISTER KVM_OPERATION(KVM_WRITE, 0xac, sizeof(struct kvm_register))
#define KVM_INITIALIZE_PROCESSOR KVM_OPERATION(KVM_WRITE, 0xae, sizeof(struct kvm_target))
#define KVM_PREFERRED_TARGET KVM_OPERATION(KVM_READ, 0xaf, sizeof(struct kvm_target))
#define KVM_CREATE_DEVICE KVM_OPERATION(KVM_READ | KVM_WRITE, 0xe0, sizeof(struct kvm_device))
#define KVM_SET_ATTRIBUTE KVM_OPERATION(KVM_WRITE, 0xe1, sizeof(struct kvm_attribute))

/* The number of a 64-bit register by its place in struct kvm_regs: x0…x30 from 0 on, then sp, pc and pstate. */
#define KVM_REGISTER(place) (0x6030000000100000 | 2 * (place))
enum { KVM_PLACE_PC = 32 };
