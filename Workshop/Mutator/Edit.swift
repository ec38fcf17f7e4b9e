import SwiftSyntax

/// One small fault: the part of a file, its replacement, and a description.
struct Edit {
    /// The range in bytes of the file's text.
    var range: Range<Int>
    var replacement: String
    var change: String
    var line: Int
}

extension SyntaxProtocol {
    /// The bytes of the node in the file, without the spaces and comments around it.
    var bytes: Range<Int> {
        positionAfterSkippingLeadingTrivia.utf8Offset..<endPositionBeforeTrailingTrivia.utf8Offset
    }

    /// The text of the node on one line.
    var oneLine: String { Self.oneLine(trimmedDescription) }
    static func oneLine(_ text: String) -> String {
        text.split { $0 == "\n" || $0 == " " }.joined(separator: " ")
    }
}
