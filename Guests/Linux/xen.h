/* Linux's devices for programs on Xen (/dev/xen/…): hypercalls, event channels and grants. The layouts are those of the
   user interface of Linux, include/uapi/xen. */
#pragma once
#include "linux.h"

/* The code of a device's operation without a direction (_IOC_NONE): its type, its number, the size of its argument. */
#define XEN_OPERATION(type, number, size) ((long)((size) << 16 | (type) << 8 | (number)))

struct xen_hypercall {
    uint64_t operation, arguments[5];
};
/* A single reference to a grant, as the argument of a map. */
struct xen_map {
    uint32_t count, padding;
    uint64_t index;
    struct {
        uint32_t domain, reference;
    } grants[1];
};
struct xen_unmap {
    uint64_t index;
    uint32_t count, padding;
};
/* A source or a target of a copy: an address of this program, or a grant of another domain. */
union xen_place {
    void *address;
    struct {
        uint32_t reference;
        uint16_t offset, domain;
    } grant;
};
struct xen_copy_segment {
    union xen_place source, target;
    uint16_t length, flags;
    int16_t status;
};
struct xen_copy {
    uint32_t count;
    struct xen_copy_segment *segments;
};
/* New pages for another domain. As many references as pages follow. */
struct xen_allocation {
    uint16_t domain, flags;
    uint32_t count;
    uint64_t index;
    uint32_t references[2];
};
struct xen_release {
    uint64_t index;
    uint32_t count, padding;
};
struct xen_bind {
    uint32_t domain, port;
};

enum { XEN_SOURCE_IS_GRANT = 1, XEN_IS_WRITABLE = 1 };

#define XEN_HYPERCALL XEN_OPERATION('P', 0, sizeof(struct xen_hypercall))
#define XEN_MAP XEN_OPERATION('G', 0, sizeof(struct xen_map))
#define XEN_UNMAP XEN_OPERATION('G', 1, sizeof(struct xen_unmap))
#define XEN_COPY XEN_OPERATION('G', 8, sizeof(struct xen_copy))
#define XEN_ALLOCATE XEN_OPERATION('G', 5, sizeof(struct xen_allocation))
#define XEN_RELEASE XEN_OPERATION('G', 6, sizeof(struct xen_release))
#define XEN_BIND_INTERDOMAIN XEN_OPERATION('E', 1, sizeof(struct xen_bind))
#define XEN_BIND_UNBOUND XEN_OPERATION('E', 2, sizeof(uint32_t))
#define XEN_NOTIFY XEN_OPERATION('E', 4, sizeof(uint32_t))

_Static_assert(sizeof(struct xen_hypercall) == 48 && sizeof(struct xen_map) == 24, "layout of Linux");
_Static_assert(sizeof(struct xen_copy_segment) == 24 && sizeof(struct xen_copy) == 16, "layout of Linux");
_Static_assert(sizeof(struct xen_allocation) == 24 && sizeof(struct xen_release) == 16, "layout of Linux");

static inline long device_call(long file, long operation, const void *argument)
{
    return system_call3(SYS_ioctl, file, operation, (long)argument);
}
