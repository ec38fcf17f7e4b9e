// The functions by which a component stops itself. On the board they stand in for those of the standard library, which
// drop the text in optimised code: these write it to the component's console first, with the file and the line, as the
// standard library does on the host. The trap itself stays at the caller's line, where the tool finds the reason of it.
//
// A check that holds costs what it costs with the standard library's function: the text is on the other path.

#if hasFeature(Embedded)
    /// The words with which the line of a failure begins, as on the host.
    public enum FailureKind: UInt8 {
        case fatalError, precondition
    }

    /// Writes `file:line: Fatal error: text` to this component's console.
    @inline(never)
    public func reportFailure(_ kind: FailureKind, _ text: StaticString, _ file: StaticString, _ line: UInt) {
        let console = Console()
        beginFailure(kind, file, line, on: console)
        console.write(text)
        endFailure(on: console)
    }

    func beginFailure(_ kind: FailureKind, _ file: StaticString, _ line: UInt, on console: Console) {
        console.beginLine()
        console.write(file)
        console.write(":")
        console.write(decimal: UInt64(line))
        switch kind {
        case .fatalError: console.write(": Fatal error: ")
        case .precondition: console.write(": Precondition failed: ")
        }
    }

    func endFailure(on console: Console) {
        console.write("\n")
        console.flush()
    }

    /// Writes the text, and stops this component.
    @_transparent
    public func fatalError(
        _ message: @autoclosure () -> StaticString = "", file: StaticString = #fileID, line: UInt = #line
    ) -> Never {
        let text = message()
        if text.utf8CodeUnitCount > 0 { reportFailure(.fatalError, text, file, line) }
        Swift.fatalError()
    }

    /// Stops this component with the text, unless the condition holds.
    @_transparent
    public func precondition(
        _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> StaticString = "",
        file: StaticString = #fileID, line: UInt = #line
    ) {
        if condition() { return }
        let text = message()
        if text.utf8CodeUnitCount > 0 { reportFailure(.precondition, text, file, line) }
        Swift.preconditionFailure()
    }

    /// Writes the text, and stops this component.
    @_transparent
    public func preconditionFailure(
        _ message: @autoclosure () -> StaticString = "", file: StaticString = #fileID, line: UInt = #line
    ) -> Never {
        let text = message()
        if text.utf8CodeUnitCount > 0 { reportFailure(.precondition, text, file, line) }
        Swift.preconditionFailure()
    }
#endif
