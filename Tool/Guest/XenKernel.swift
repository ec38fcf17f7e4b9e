import Foundation
import SystemImage

/// Debian's kernel with the modules for Xen that it has not built in. One kernel serves as Xen's first domain (dom0)
/// and as its guests (domUs), and it is the kernel of all other Debian machines.
package struct XenKernel {
    package let kernel: URL
    /// The initial file system without any modules.
    package let initrd: URL
    /// The initial file system with Debian's drivers of virtual disks, for the first domain.
    package let initrdWithDisks: URL
    private let guest: DebianGuest

    /// Fetches Debian's kernel and modules if the workspace lacks them.
    package init(workspace: Workspace) throws {
        guest = DebianGuest(workspace: workspace, flavour: .cloud)
        try guest.prepare()
        (kernel, initrd) = (guest.kernel, guest.initrd)
        initrdWithDisks = try guest.initrd(withWatchdog: false, disks: true)
    }

    /// Returns the modules of a list, in its order.
    package func modules(_ names: [String]) throws -> [(name: String, contents: Data)] {
        try guest.drivers(names, needed: names.last ?? "", by: "Xen")
    }
}
