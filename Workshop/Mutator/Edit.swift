import SwiftSyntax

/// One small fault: what it replaces in a file, and how it reads.
struct Edit {
    /// In bytes of the file's text.
    var range: Range<Int>
    var replacement: String
    var change: String
    var line: Int
}

extension SyntaxProtocol {
    /// Its bytes in the file, without the spaces and comments around it.
    var bytes: Range<Int> {
        positionAfterSkippingLeadingTrivia.utf8Offset..<endPositionBeforeTrailingTrivia.utf8Offset
    }

    /// Its text on one line.
    var oneLine: String { Self.oneLine(trimmedDescription) }
    static func oneLine(_ text: String) -> String {
        text.split { $0 == "\n" || $0 == " " }.joined(separator: " ")
    }
}
