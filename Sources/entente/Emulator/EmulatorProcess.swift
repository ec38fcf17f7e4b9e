import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// A running QEMU and the two ends of its serial line.
final class EmulatorProcess {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(arguments: [String]) throws {
        guard let qemu = Subprocess.find(Emulator.program) else {
            throw Failure("the program '\(Emulator.program)' is not installed", remedy: "start the tool by ./entente, which installs it")
        }
        // A tool that is killed without warning must not leave an emulator behind.
        if let setpriv = Subprocess.find("setpriv") {
            process.executableURL = URL(fileURLWithPath: setpriv)
            process.arguments = ["--pdeathsig", "KILL", qemu] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: qemu)
            process.arguments = arguments
        }
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.standardError
        try process.run()
        let descriptor = inputDescriptor
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        signal(SIGPIPE, SIG_IGN)
    }

    var inputDescriptor: Int32 { input.fileHandleForWriting.fileDescriptor }
    var outputDescriptor: Int32 { output.fileHandleForReading.fileDescriptor }
    var identifier: Int32 { process.processIdentifier }

    /// What QEMU has written; nil at its end. Waits if there is nothing.
    func read() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let descriptor = outputDescriptor
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 { return Array(buffer[..<count]) }
            if count == 0 || errno != EINTR { return nil }
        }
    }

    /// Writes as much as the pipe takes and says how much that was.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        let descriptor = inputDescriptor
        return max(0, bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) })
    }

    /// The status with which QEMU ended by itself.
    func waitForEnd() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// The emulator has nothing to save, and would announce a gentler signal on standard error.
    func end() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
