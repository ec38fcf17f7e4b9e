import Foundation
import SystemImage
import Tool

/// A Debian machine that runs fio in the place of a shell, and a board that runs this machine with KVM.
struct FioGuest {
    let workspace: Workspace
    /// The share of each job's requests that are made.
    let share: Double
    /// True if the machine tells the emulator's plugin of the begin and the end of each job.
    let isCounted: Bool

    /// Adds fio and its jobs, and a table of `init` that starts it when Linux's drivers are there.
    func added(to machine: MachineDescription) throws -> MachineDescription {
        var archive = CpioArchive()
        let mark = isCounted ? "/mark" : nil
        archive.add(file: "jobs", contents: Data(FioJob.file(share: share, mark: mark).utf8))
        let program = try LinuxWorkload(workspace: workspace, name: "mark").build()
        archive.add(file: "mark", contents: program, permissions: 0o755)
        archive.add(file: "measure", contents: Data(Self.script.utf8), permissions: 0o755)
        archive.add(file: "etc/inittab", contents: Data(Self.table(of: "/measure").utf8))
        let fio = DebianProgram(workspace: workspace, package: "fio", path: "usr/bin/fio")
        return try adding([try fio.archive(), archive.finished()], to: machine, name: "fio")
    }

    /// Returns the machine that runs the machine of `added(to:)` as its guest, on the disk that it has itself. KVM and
    /// Debian's QEMU need the memory of their own besides.
    func hosted(_ machine: MachineDescription) throws -> MachineDescription {
        let inner = try added(to: machine)
        guard case .files(let kernel, let initrd?, _) = inner.guest else { return inner }
        var archive = CpioArchive()
        archive.add(file: "kernel", contents: try Data(contentsOf: kernel))
        archive.add(file: "initrd", contents: try Data(contentsOf: initrd))
        let command = Self.emulator(of: inner)
        archive.add(file: "measure", contents: Data("#!/bin/sh\n\(command)\n".utf8), permissions: 0o755)
        archive.add(file: "etc/inittab", contents: Data(Self.table(of: "/measure").utf8))
        let emulator = DebianProgram(
            workspace: workspace, package: "qemu-system-arm", path: "usr/bin/qemu-system-aarch64")
        var outer = try adding([try emulator.archive(), archive.finished()], to: machine, name: "fio-kvm")
        outer.memory = machine.memory + 2 << 30
        return outer
    }

    private func adding(_ archives: [Data], to machine: MachineDescription, name: String) throws -> MachineDescription {
        let files = try GuestFiles(of: machine, workspace: workspace)
        var contents = try files.initrd.map { try Data(contentsOf: $0) } ?? Data()
        for archive in archives { contents += archive }
        try workspace.make(workspace.guests)
        let initrd = workspace.guests.appendingPathComponent("\(name).cpio")
        try contents.writeWhole(to: initrd)
        var changed = machine
        changed.guest = .files(kernel: files.kernel, initrd: initrd, format: files.format)
        return changed
    }

    private static func table(of program: String) -> String { "::sysinit:/etc/start\n::once:\(program)\n" }

    /// fio's own messages go to the console too.
    private static let script = """
        #!/bin/sh
        cd /tmp
        echo '\(FioResult.mark)begins'
        fio --minimal --eta=never /jobs >results
        cut -d ';' -f \(FioResult.fields) results | sed 's/^/\(FioResult.mark)/'
        echo '\(FioResult.mark)end'

        """

    /// Returns the command that runs a machine with KVM. The guest has the same devices as on the bare board, and its
    /// disk is the board's, past the cache of the outer Linux.
    private static func emulator(of machine: MachineDescription) -> String {
        """
        qemu-system-aarch64 -M virt,gic-version=3 -accel kvm -cpu host -smp \(machine.cpus) \
        -m \(machine.memory >> 20)M -nodefaults -display none -nic none \
        -chardev stdio,id=serial,signal=off -serial chardev:serial -global virtio-mmio.force-legacy=false \
        -object iothread,id=disks -drive if=none,id=data,file=/dev/vda,format=raw,cache=none,aio=native \
        -device virtio-blk-device,drive=data,iothread=disks \
        -kernel /kernel -initrd /initrd -append '\(machine.commandLine)' </dev/null
        """
    }
}
