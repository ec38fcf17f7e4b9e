// The functions by which a component stops itself. On the board they replace those of the standard library, which
// drop the text in optimised code. These functions first write the text to the component's console, with the file and
// the line, as the standard library does on the host. The trap stays at the caller's line, where the tool finds its
// reason.
//
// A check that holds costs as much as with the standard library's function, because only the failing path uses the
// text.

#if hasFeature(Embedded)
    /// The kind of a failure, which gives the first words of its line, as on the host.
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

    /// Stops this component with the text unless the condition holds.
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
