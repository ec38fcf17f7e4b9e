import Foundation
import SystemImage
import Tool

/// A program of `Guests/Linux`: a static program for an arm64 Linux, without a C library.
struct LinuxWorkload {
    let workspace: Workspace
    /// The name of the program, of its main source, and of its file in the machine's root folder.
    let name: String
    /// The names of its other sources: of C without the ending, others with it.
    let parts: [String]

    init(workspace: Workspace, name: String = "workload", parts: [String]? = nil) {
        (self.workspace, self.name) = (workspace, name)
        self.parts = parts ?? (name == "workload" ? ["work", "memory", "storage", "crew", "output"] : ["output"])
    }

    /// Builds the program.
    ///
    /// - Returns: the program's ELF file.
    func build() throws -> Data {
        let folder = workspace.guests
        try workspace.make(folder)
        let objects = try ([name] + parts).map { name in
            let source = name.contains(".") ? name : "\(name).c"
            let object = folder.appendingPathComponent("\(name).o").path
            try Subprocess(
                "clang", LinuxWorkload.compilerArguments + ["-c", "Guests/Linux/\(source)", "-o", object],
                directory: workspace.root
            ).run()
            return object
        }
        let program = folder.appendingPathComponent(name)
        try Subprocess(
            "ld.lld",
            ["-m", "aarch64linux", "-static", "--gc-sections", "-z", "max-page-size=65536", "-o", program.path]
                + objects
        ).run()
        return try Data(contentsOf: program)
    }

    static let compilerArguments = [
        "--target=aarch64-linux-gnu", "-O2", "-ffreestanding", "-fno-builtin", "-nostdlibinc", "-fno-stack-protector",
        "-fno-pic", "-mno-outline-atomics",
    ]

    /// Adds the program to a machine's initial file system as /NAME, because Linux unpacks several archives in a row.
    ///
    /// - Parameter command: a command that `init` performs in the place of a shell when Linux's drivers are there, or
    ///   nil for none.
    func added(to machine: MachineDescription, running command: String? = nil) throws -> MachineDescription {
        let files = try GuestFiles(of: machine, workspace: workspace)
        var archive = CpioArchive()
        archive.add(file: name, contents: try build(), permissions: 0o755)
        if let command {
            let table = "::sysinit:/etc/start\n::once:\(command)\n"
            archive.add(file: "etc/inittab", contents: Data(table.utf8), permissions: 0o644)
        }
        let initrd = workspace.guests.appendingPathComponent("\(name).\(machine.name).cpio")
        let base = try files.initrd.map { try Data(contentsOf: $0) } ?? Data()
        try (base + archive.finished()).writeWhole(to: initrd)
        var changed = machine
        changed.guest = .files(kernel: files.kernel, initrd: initrd, format: files.format)
        return changed
    }
}
