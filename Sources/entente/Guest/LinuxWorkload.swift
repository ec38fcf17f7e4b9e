import Foundation
import SystemImage

/// The program of `Guests/Linux`: a static program for an arm64 Linux, without a C library.
struct LinuxWorkload {
    let workspace: Workspace

    /// - Returns: The program's ELF file.
    func build() throws -> Data {
        let folder = workspace.guests
        try workspace.make(folder)
        let objects = try ["workload", "output"].map { name in
            let object = folder.appendingPathComponent("\(name).o").path
            try Subprocess(
                "clang", LinuxWorkload.compilerArguments + ["-c", "Guests/Linux/\(name).c", "-o", object],
                directory: workspace.root).run()
            return object
        }
        let program = folder.appendingPathComponent("workload")
        try Subprocess(
            "ld.lld", ["-m", "aarch64linux", "-static", "--gc-sections", "-z", "max-page-size=65536", "-o", program.path] + objects
        ).run()
        return try Data(contentsOf: program)
    }

    private static let compilerArguments = [
        "--target=aarch64-linux-gnu", "-O2", "-ffreestanding", "-fno-builtin", "-nostdlibinc", "-fno-stack-protector",
        "-fno-pic", "-mno-outline-atomics",
    ]

    /// Adds the program to a machine's initial file system, as /workload: Linux unpacks several archives in a row.
    func added(to machine: MachineDescription) throws -> MachineDescription {
        let files = try GuestFiles(of: machine, workspace: workspace)
        var archive = CpioArchive()
        archive.add(file: "workload", contents: try build(), permissions: 0o755)
        let initrd = workspace.guests.appendingPathComponent("workload.cpio")
        let base = try files.initrd.map { try Data(contentsOf: $0) } ?? Data()
        try (base + archive.finished()).write(to: initrd)
        var changed = machine
        changed.guest = .files(kernel: files.kernel, initrd: initrd, format: files.format)
        return changed
    }
}
