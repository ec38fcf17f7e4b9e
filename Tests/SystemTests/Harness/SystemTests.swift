import Foundation
import Testing

/// Tests that boot whole systems on QEMU. `./entente test` asks for them, two suites at a time; a plain `swift test`,
/// which cannot know that QEMU and the cross-built programs are there, leaves them out.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["ENTENTE_SYSTEM_TESTS"] != nil))
enum SystemTests {}
