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
        let guest = try KVMGuest("machine", like: added(to: machine), workspace: workspace, disk: "/dev/vda")
        let host = KVMHost(workspace: workspace, guests: [guest])
        var outer = try adding([try host.archive()], to: machine, name: "fio-kvm")
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
}
