/// The modules for Xen that Debian has not built into its kernel.
package enum XenDrivers {
    /// The modules of the first domain, in the order of loading. They give programs access to hypercalls, to the store,
    /// to event channels and to grants, make disks of files, and serve the disks of other domains.
    package static let ofFirstDomain = [
        "xen-privcmd.ko", "xenfs.ko", "xen-evtchn.ko", "xen-gntdev.ko", "xen-gntalloc.ko", "loop.ko",
        "xen-blkback.ko",
    ]
    /// The modules of another domain. Debian has built the console and the store into the kernel, which blocks all
    /// hypercalls of programs in such a domain.
    package static let ofGuest = ["xen-evtchn.ko", "xen-gntdev.ko", "xen-gntalloc.ko", "xen-blkfront.ko"]
    static var names: [String] { ofFirstDomain + ofGuest.filter { !ofFirstDomain.contains($0) } }
}
