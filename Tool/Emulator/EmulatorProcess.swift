import Foundation
import SystemImage

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
            throw Failure(
                "the program '\(Emulator.program)' is not installed",
                remedy: "start the tool by ./entente, which installs it")
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
        Self.present = process.processIdentifier
    }

    /// The emulator that runs, if one does.
    nonisolated(unsafe) private static var present: Int32 = 0

    /// Switches the board off; a signal handler may call it.
    static func endPresent() {
        if present > 0 { kill(present, SIGKILL) }
    }

    var inputDescriptor: Int32 { input.fileHandleForWriting.fileDescriptor }
    var outputDescriptor: Int32 { output.fileHandleForReading.fileDescriptor }
    var identifier: Int32 { process.processIdentifier }

    /// Returns the bytes that QEMU has written; nil at its end. Waits if there are none.
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
        // An emulator that has just ended must not end the tool: its last words are still to be read.
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

    /// The status with which QEMU ended by itself.
    func waitForEnd() -> Int32 {
        process.waitUntilExit()
        Self.present = 0
        return process.terminationStatus
    }

    /// The emulator has nothing to save, and would announce a gentler signal on standard error.
    func end() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        Self.present = 0
    }
}
