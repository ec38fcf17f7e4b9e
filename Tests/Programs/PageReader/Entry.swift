import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// Reads a paged file repeatedly, a word of each page in an order that defeats the pager's frames, and logs the result.
// Word N of the file is N * 0x9E3779B97F4A7C15. Argument 0 is the number of pages. Argument 1 is the number of passes
// before it stores to the file, which no pager allows (0: never). Argument 2 is 1 if the file may hold anything.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let file = Configuration.resource(.file, named: "file")?.address ?? 0
    let pages = Configuration.current.arguments[0]
    let fatal = Configuration.current.arguments[1]
    let isAnyFile = Configuration.current.arguments[2] == 1
    var pass: UInt64 = 0
    var random: UInt64 = 1
    while true {
        pass += 1
        var wrong: UInt64 = 0
        for turn in 0..<pages {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let page = turn % 2 == 0 ? turn : random >> 33 % pages
            let word = page * 512 + random >> 40 % 512
            let found = entente_read64(file + word * 8)
            if !isAnyFile, found != word &* 0x9E37_79B9_7F4A_7C15 { wrong += 1 }
        }
        log("pass \(pass) \(wrong == 0 ? "right" : "WRONG" as StaticString)")
        if pass == fatal { entente_write32(file, 1) }
        sleep(milliseconds: isAnyFile ? 1000 : 50)
    }
}

private func sleep(milliseconds: UInt64) {
    setTimer(InitialSlot.notification, deadline: Clock.now + Clock.frequency / 1000 * milliseconds, bits: 2)
    while replyWait(ReplyForm.wait).tag & 2 == 0 {}
}
