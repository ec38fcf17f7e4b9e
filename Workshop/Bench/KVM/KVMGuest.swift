import Foundation
import SystemImage
import Tool

/// A machine that runs as a guest of KVM, with Debian's QEMU as its monitor.
struct KVMGuest {
    /// The name by which its console is heard. It has letters, digits and dashes only.
    var name: String
    var kernel: URL
    var initrd: URL?
    var commandLine: String
    var cpus = 1
    /// The guest's RAM in bytes.
    var memory: UInt64
    /// The disk of the host that is the guest's disk, such as `/dev/vda`, or nil for none. It is used past the host's
    /// cache, and has an I/O thread.
    var disk: String?
    /// The file of the host that receives what the guest writes to its console, or nil for QEMU's standard output, from
    /// which the host hears the guest.
    var consoleFile: String?

    /// Makes a guest that has the same files, command line, processors and memory as a machine.
    init(_ name: String, like machine: MachineDescription, workspace: Workspace, disk: String? = nil) throws {
        let files = try GuestFiles(of: machine, workspace: workspace)
        (self.name, kernel, initrd) = (name, files.kernel, files.initrd)
        (commandLine, cpus, memory) = (machine.commandLine, machine.cpus, machine.memory)
        self.disk = disk
    }

    /// Returns the command of the host that runs the guest. The guest has the devices of the board, and stays as it is
    /// after it has turned itself off, so that the host can read KVM's counters of it.
    ///
    /// - Parameters:
    ///   - kernel: the path of the kernel in the host.
    ///   - initrd: the path of the initial file system in the host.
    func command(kernel: String, initrd: String?) -> String {
        var words = [
            "qemu-system-aarch64 -M virt,gic-version=3 -accel kvm -cpu host -smp \(cpus) -m \(memory >> 20)M",
            "-nodefaults -display none -nic none -no-shutdown -no-reboot",
            "-chardev \(Self.console(file: consoleFile)) -serial chardev:serial -global virtio-mmio.force-legacy=false",
        ]
        if let disk {
            words += [
                "-object iothread,id=disks -drive if=none,id=data,file=\(disk),format=raw,cache=none,aio=native",
                "-device virtio-blk-device,drive=data,iothread=disks",
            ]
        }
        words.append("-kernel \(kernel)")
        if let initrd { words.append("-initrd \(initrd)") }
        words.append("-append '\(commandLine)'")
        return words.joined(separator: " ")
    }

    /// Returns QEMU's words for the other end of the serial port.
    static func console(file: String?) -> String {
        file.map { "file,path=\($0),id=serial" } ?? "stdio,id=serial,signal=off"
    }
}
