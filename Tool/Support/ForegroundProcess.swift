import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// Runs a program that uses the user's terminal. It stays in the tool's process group, because the terminal would stop
/// a process of another group that reads. Meanwhile keys such as Ctrl-C go to the program.
enum ForegroundProcess {
    /// Runs the program.
    ///
    /// - Returns: its exit status, or 128 plus the number of the signal that ended it.
    static func run(_ program: String, _ arguments: [String]) throws -> Int32 {
        let earlier = signal(SIGINT, SIG_IGN)
        defer { _ = signal(SIGINT, earlier) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A child would also ignore a signal that the tool ignores.
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for number in [SIGINT, SIGPIPE, SIGQUIT] { sigaddset(&defaults, number) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

        let words = ([program] + arguments).map { strdup($0) }
        defer { words.forEach { free($0) } }
        var child: pid_t = 0
        let error = posix_spawn(&child, program, nil, &attributes, words + [nil], environ)
        guard error == 0 else {
            throw Failure(
                "'\(program)' cannot be started: \(String(cString: strerror(error)))",
                remedy: "check that it is installed")
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { return 1 }
        }
        let signalNumber = status & 0x7F
        return signalNumber == 0 ? (status >> 8) & 0xFF : 128 + signalNumber
    }
}
