import Testing

@testable import Tool
@testable import Workshop

/// Checks the text for a user against messages of `ld.lld`.
@Suite struct UndefinedSymbolTests {
    private let text = """
        ld.lld: error: undefined symbol: __stack_chk_guard
        >>> referenced by <compiler-generated>:0 (/<compiler-generated>:0)
        >>>               user.o:($es8readLine16strippingNewlineSSSgSb_tF)
        >>> referenced by LibcShims.h:0 (/usr/lib/swift/shims/LibcShims.h:0)

        ld.lld: error: undefined symbol: sinf
        >>> referenced by User.swift:3
        >>>               user.o:(entente_main)
        """

    @Test func theUsersPlaceIsNamed() {
        let symbols = UndefinedSymbols(linker: text)
        #expect(symbols.symbols.map(\.name) == ["__stack_chk_guard", "sinf"])
        let failure = symbols.failure(of: "User")
        #expect(
            failure?.problem
                == "User.swift:3: the program 'User' calls 'sinf' (and 1 more: __stack_chk_guard), which no library of the board has"
        )
        #expect(failure?.remedy?.contains("no C library") == true)
    }

    @Test func aSymbolWithoutAPlaceIsNamedAllTheSame() {
        let failure = UndefinedSymbols(linker: "ld.lld: error: undefined symbol: usleep\n").failure(of: "User")
        #expect(failure?.problem == "the program 'User' calls 'usleep', which no library of the board has")
        #expect(failure?.remedy?.contains("docs/components.md") == true)
    }

    @Test func otherMessagesAreNone() {
        #expect(UndefinedSymbols(linker: "ld.lld: error: section .x is too large").failure(of: "User") == nil)
        #expect(UndefinedSymbols(linker: "").failure(of: "User") == nil)
    }
}
