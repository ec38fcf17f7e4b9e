import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// A running QEMU with the two ends of its serial line.
final class EmulatorProcess {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(arguments: [String]) throws {
        guard let qemu = Subprocess.find(Emulator.program) else {
            throw Failure(
                "the program '\(Emulator.program)' is not installed",
                remedy: "start the tool by ./entente, which installs it")
        }
        // If the tool is killed, this must end the emulator, too.
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
        Self.present = process.processIdentifier
    }

    /// The process number of the emulator that runs, or 0.
    nonisolated(unsafe) private static var present: Int32 = 0

    /// Ends the emulator. A signal handler may call it.
    static func endPresent() {
        if present > 0 { kill(present, SIGKILL) }
    }

    var inputDescriptor: Int32 { input.fileHandleForWriting.fileDescriptor }
    var outputDescriptor: Int32 { output.fileHandleForReading.fileDescriptor }
    var identifier: Int32 { process.processIdentifier }

    /// Returns the bytes that QEMU has written, or nil at its end. Waits if there are none.
    func read() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let descriptor = outputDescriptor
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 { return Array(buffer[..<count]) }
            if count == 0 || errno != EINTR { return nil }
        }
    }

    /// Writes as much as the pipe takes, and returns the number of bytes.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        let descriptor = inputDescriptor
        // A write to an emulator that has just ended must not end the tool, because the tool must still read the last
        // output.
        var pipeSignal = sigset_t()
        var former = sigset_t()
        sigemptyset(&pipeSignal)
        sigaddset(&pipeSignal, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &pipeSignal, &former)
        defer { pthread_sigmask(SIG_SETMASK, &former, nil) }
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EPIPE {
            var atOnce = timespec()
            sigtimedwait(&pipeSignal, nil, &atOnce)
        }
        return max(0, count)
    }

    /// Waits for QEMU to end by itself, and returns the status.
    func waitForEnd() -> Int32 {
        process.waitUntilExit()
        Self.present = 0
        return process.terminationStatus
    }

    /// Ends the emulator by SIGKILL. It has nothing to save, and would report a gentler signal on standard error.
    func end() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        Self.present = 0
    }
}
