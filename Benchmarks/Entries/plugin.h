/* The part of QEMU's plugin interface (version 1) that the plugins of these folders use, because not every system
   packages QEMU's header. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t {
    const char *target_name;
    struct { int minimum, current; } version;
    _Bool system_emulation;
    struct { int cores, maximum_cores; } system;
} qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(
    struct qemu_plugin_insn *, void (*callback)(unsigned vcpu, void *data), enum qemu_plugin_cb_flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(
    struct qemu_plugin_insn *, enum qemu_plugin_op, void *counter, uint64_t addend);
void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *, void (*callback)(unsigned vcpu, void *data), enum qemu_plugin_cb_flags, void *data);
void qemu_plugin_register_vcpu_tb_exec_inline(
    struct qemu_plugin_tb *, enum qemu_plugin_op, void *counter, uint64_t addend);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
/* Returns the address of the instruction in QEMU's own memory, which is the same for all its virtual addresses. */
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *);
