// The functions of Failure.swift for a text that the program composes at run time, which takes memory from the heap.
// The programs of this repository have no heap, and are built with NO_HEAP.

#if hasFeature(Embedded) && !NO_HEAP
    /// Writes `file:line: Fatal error: text` with a composed text, which takes memory from the heap.
    @inline(never)
    public func reportFailure(_ kind: FailureKind, _ text: String, _ file: StaticString, _ line: UInt) {
        let console = Console()
        beginFailure(kind, file, line, on: console)
        for byte in text.utf8 { console.putPatiently(byte) }
        endFailure(on: console)
    }

    /// Writes the composed text, and stops this component.
    @_disfavoredOverload
    @_transparent
    public func fatalError(
        _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
    ) -> Never {
        reportFailure(.fatalError, message(), file, line)
        Swift.fatalError()
    }

    /// Stops this component with the composed text unless the condition holds.
    @_disfavoredOverload
    @_transparent
    public func precondition(
        _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        if condition() { return }
        reportFailure(.precondition, message(), file, line)
        Swift.preconditionFailure()
    }

    /// Writes the composed text, and stops this component.
    @_disfavoredOverload
    @_transparent
    public func preconditionFailure(
        _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
    ) -> Never {
        reportFailure(.precondition, message(), file, line)
        Swift.preconditionFailure()
    }
#endif
