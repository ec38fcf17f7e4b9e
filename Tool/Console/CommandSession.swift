import Foundation
import SystemImage

/// Runs one command in a machine of a running system. Its output goes to standard output, all else to standard error.
struct CommandSession {
    let session: Session
    let machine: Channel
    let command: [UInt8]

    /// Runs the session. At its end the machines write their files to their disks.
    ///
    /// - Returns: the command's exit status.
    /// - Throws: `Failure` if the time is over or the board goes off before the command has ended.
    func run(timeout: Duration) throws -> Int32 {
        TerminalMode.catchInterruptions()
        defer { session.end() }
        let result = Result { try runCommand(timeout: timeout) }
        let interruptions = TerminalMode.interruptions
        let warnings = session.saveFiles { _ in TerminalMode.interruptions == interruptions }
        for warning in warnings { Progress.say("[entente: \(warning)]") }
        return try result.get()
    }

    private func runCommand(timeout: Duration) throws -> Int32 {
        var remote = RemoteCommand(command)
        let deadline = ContinuousClock.now + timeout
        while !TerminalMode.wasInterrupted {
            guard ContinuousClock.now < deadline else { throw timeIsOver(remote, timeout) }
            var actions = remote.nudge()
            for event in session.wait(timeout: min(.seconds(1), deadline - .now)) {
                switch event {
                case .output(let channel, let bytes) where channel == machine.number: actions += remote.heard(bytes)
                case .line(let channel, let text) where channel != machine.number || remote.isWaiting:
                    Progress.say(text)
                case .ended:
                    throw Failure("the board went off before the command had ended", status: ExitStatus.connectionLost)
                default: break
                }
            }
            for action in actions {
                if let status = try perform(action) { return status }
            }
        }
        throw Failure("interrupted", status: ExitStatus.connectionLost)
    }

    private func perform(_ action: RemoteCommand.Action) throws -> Int32? {
        switch action {
        case .type(let bytes): session.type(bytes, to: machine.number)
        case .output(let bytes): try StandardStreams.write(bytes)
        case .finished(let status): return status
        case .undecodable:
            throw Failure(
                "the shell of '\(machine.name)' has no working 'base64', which the tool needs to send the command, so that the command was not run",
                remedy: "add 'base64' to the PATH of that shell", status: ExitStatus.connectionLost)
        }
        return nil
    }

    private func timeIsOver(_ remote: RemoteCommand, _ timeout: Duration) -> Failure {
        try? StandardStreams.write(remote.keptBack)
        let seconds = timeout.components.seconds
        let what =
            if let (bytes, size) = remote.typed {
                "the command was still being typed after \(seconds) s: \(bytes) of \(size) bytes"
            } else if remote.isRunning {
                "the command did not end within \(seconds) s"
            } else {
                "no shell answered at the console of '\(machine.name)' within \(seconds) s"
            }
        return Failure(
            what,
            remedy: "allow more time by --timeout, or look at \(session.files.log(ofConsole: machine.name).shortPath)",
            status: ExitStatus.timeout)
    }
}
