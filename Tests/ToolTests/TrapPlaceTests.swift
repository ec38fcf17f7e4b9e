import Testing

@testable import Tool
@testable import Workshop

/// Checks the text for a user against output of `llvm-symbolizer` for programs of the board.
@Suite struct TrapPlaceTests {
    private func told(_ text: String) -> String? { TrapPlace(symbolizer: text)?.description }

    @Test func theFirstFrameWithALineIsTheUsers() {
        let text = """
            Swift runtime failure: Index out of range
            <compiler-generated>:0:0
            $eSa15_checkSubscript_20wasNativeTypeCheckeds16_DependenceTokenVSi_SbtFSi_Tg5
            <compiler-generated>:0:0
            $e1t6lookupySiSaySiG_SitF
            User.swift:3:60

            """
        #expect(told(text) == "User.swift:3:60: Index out of range")
    }

    @Test func saysIntoWhatTheLineWasInlined() {
        let text = """
            Swift runtime failure: arithmetic overflow
            <compiler-generated>:0:0
            $e1t3addyS2i_SitF
            Sum.swift:4:56
            $e1t3allyS2i_SitF
            <compiler-generated>:0:0
            entente_main
            Entry.swift:36:3
            """
        #expect(told(text) == "Sum.swift:4:56: arithmetic overflow\n        called from Entry.swift:36:3")
    }

    @Test func aReasonWithoutALineIsSaidAllTheSame() {
        #expect(
            told(
                "Swift runtime failure: String index is out of bounds\n<compiler-generated>:0:0\n$eSS5\nUser.swift:0:0")
                == "String index is out of bounds")
        #expect(
            told("$e26swift_unexpectedErrorTyped1t1EO_Tg5\n<compiler-generated>:0:0\n$e1t5tryityS2iF\nUser.swift:28:51")
                == "User.swift:28:51: 'try!' met an error")
    }

    @Test func anAddressThatMeansNothingSaysNothing() {
        for text in ["", "\n\n", "??\n??:0:0\n", "entente_main\n", "f\n<compiler-generated>:0:0", "f\nUser.swift:x:1"] {
            #expect(told(text) == nil, "\(text)")
        }
    }

    @Test func aPlainPlaceHasNoReason() {
        #expect(told("memcpy\nMemory.S:40:0\n") == "Memory.S:40:0")
    }

    @Test func aLongChainIsCutOff() {
        let text = (1...9).map { "f\($0)\nUser.swift:\($0):1" }.joined(separator: "\n")
        #expect(told(text)?.split(separator: "\n").count == 5)
    }
}
