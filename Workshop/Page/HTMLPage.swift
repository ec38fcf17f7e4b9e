import Foundation
import SystemImage
import Tool

/// The page as one HTML file that needs no other file.
struct HTMLPage {
    let title: String
    let markdown: String
    /// The folder of the pictures that the page names.
    let pictures: URL

    /// Renders the Markdown by cmark-gfm, and puts the pictures into the text.
    func html() throws -> String {
        guard Subprocess.find("cmark-gfm") != nil else {
            throw Failure("the page is rendered by cmark-gfm, which this host lacks", remedy: "install cmark-gfm")
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString).md")
        try Data(markdown.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let body = try Subprocess("cmark-gfm", ["--extension", "table", "--to", "html", file.path]).text()
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            \(try withPictures(body))</body>
            </html>

            """
    }

    private func withPictures(_ body: String) throws -> String {
        var (text, rest) = ("", body[...])
        while let match = rest.firstMatch(of: /src="pictures\/([a-z0-9.-]+\.svg)"/) {
            let picture = pictures.appendingPathComponent(String(match.1))
            guard let svg = try? Data(contentsOf: picture) else {
                throw Failure("the picture \(picture.shortPath) is missing", remedy: "make the page by 'bench report'")
            }
            text += rest[..<match.range.lowerBound]
            text += "src=\"data:image/svg+xml;base64,\(svg.base64EncodedString())\""
            rest = rest[match.range.upperBound...]
        }
        return text + rest
    }

    /// Colours come from the reader's theme.
    private static let style = """
        :root{color-scheme:light dark;--ink:#1d2126;--paper:#ffffff;--rule:#d4d8dd;--soft:#5a626c;--link:#1f62a8}
        @media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--paper:#16191d;--rule:#3a4048;--soft:#a3abb5;--link:#7db4ec}}
        body{max-width:54rem;margin:2rem auto;padding:0 1rem;font:16px/1.55 system-ui,sans-serif;color:var(--ink);
        background:var(--paper)}
        h1,h2,h3{line-height:1.25;margin-top:2em}
        a{color:var(--link)}
        code,pre{font:0.9em/1.45 ui-monospace,monospace}
        pre{overflow-x:auto;border:1px solid var(--rule);padding:0.7em}
        table{border-collapse:collapse;display:block;overflow-x:auto;font-size:0.92em}
        th,td{border-bottom:1px solid var(--rule);padding:0.25em 0.8em;text-align:left;vertical-align:top}
        td[align=right],th[align=right]{text-align:right;font-variant-numeric:tabular-nums}
        table+p em{color:var(--soft);font-size:0.88em}
        img{max-width:100%;height:auto}
        """
}
