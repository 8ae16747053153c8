// Package document reads the text of policy documents (政策文件) as agencies
// publish them: DOCX, PDF and HTML. It cuts a text at its headings and says of
// each piece where in the document it stands, so that an answer can lead there.
//
// Its promise: no words are lost and none are added. What a document does not
// let itself be read as text (a scan, an encrypted file) is an error and never
// an empty text.
//
// A PDF is read by PDFium inside a WebAssembly sandbox, since files come from
// outside; what it can use of memory and time is bounded.
package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Errors of a document. Each is wrapped with what was found, in Chinese,
// because an editor reads it.
var (
	// ErrFormat means that the file is no document of the kinds that are read.
	ErrFormat = errors.New("不是能读的文档")
	// ErrTooLarge means that the file unpacks to more than the limits.
	ErrTooLarge = errors.New("文档过大")
	// ErrNoText means that there is nothing to read: a scan, or an empty file.
	ErrNoText = errors.New("文档里没有文字")
)

// MaxText is the length in bytes of the longest text that is read.
const MaxText = 8 << 20

// A Format is the kind of a document.
type Format string

// The formats.
const (
	DOCX Format = "docx"
	PDF  Format = "pdf"
	HTML Format = "html"
)

// Detect tells the format of a document from its content, "" if it is none.
func Detect(data []byte) Format {
	head := bytes.TrimLeft(bytes.TrimPrefix(data[:min(len(data), 4096)], []byte("\xef\xbb\xbf")), " \t\r\n")
	lower := bytes.ToLower(head)
	switch {
	case bytes.HasPrefix(head, []byte("%PDF-")):
		return PDF
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) && isDOCX(data):
		return DOCX
	case bytes.HasPrefix(lower, []byte("<!doctype html")), bytes.HasPrefix(lower, []byte("<html")), bytes.Contains(lower, []byte("<body")):
		return HTML
	}
	return ""
}

// A Block is a paragraph or a heading.
type Block struct {
	Text    string
	Heading int    // its level from 1; 0 for a paragraph
	Anchor  string // what leads to it: a fragment of an address, without #; may be empty
	Page    int    // of a PDF, from 1; else 0
}

// Read returns the paragraphs and headings of a document in order.
func Read(ctx context.Context, data []byte) ([]Block, error) {
	var blocks []Block
	var err error
	switch f := Detect(data); f {
	case DOCX:
		blocks, err = readDOCX(data)
	case PDF:
		blocks, err = readPDF(ctx, data)
	case HTML:
		blocks, err = readHTML(data)
	default:
		return nil, fmt.Errorf("%w：应是 DOCX、PDF 或 HTML", ErrFormat)
	}
	if err != nil {
		return nil, err
	}
	if !hasHeading(blocks) {
		findHeadings(blocks)
	}
	for _, b := range blocks {
		if strings.TrimSpace(b.Text) != "" {
			return blocks, nil
		}
	}
	return nil, fmt.Errorf("%w：可能是扫描件，请先识别成文字", ErrNoText)
}

func hasHeading(blocks []Block) bool {
	for i := range blocks {
		if blocks[i].Heading > 0 && i > 0 { // the title alone does not count
			return true
		}
	}
	return false
}

// The headings of Chinese documents, by which a text without styles is cut.
var (
	chapter = regexp.MustCompile(`^第[一二三四五六七八九十百零〇\d]+[编章](\s|　|$)|^第[一二三四五六七八九十百零〇\d]+[编章][^条款]{1,30}$|^附\s*件\s*\d*[：:]?$|^附\s*则$`)
	section = regexp.MustCompile(`^第[一二三四五六七八九十百零〇\d]+节|^[一二三四五六七八九十]+、`)
	article = regexp.MustCompile(`^第[一二三四五六七八九十百零〇\d]+条`)
)

// longestHeading is how many characters a heading has at most.
const longestHeading = 40

// headingOf is the level of a line that reads like a heading, 0 for others.
func headingOf(line string) int {
	line = strings.TrimSpace(line)
	if utf8.RuneCountInString(line) > longestHeading || strings.ContainsAny(line, "。；") {
		return 0
	}
	switch {
	case chapter.MatchString(line):
		return 1
	case section.MatchString(line):
		return 2
	}
	return 0
}

func findHeadings(blocks []Block) {
	for i := range blocks {
		blocks[i].Heading = max(blocks[i].Heading, headingOf(blocks[i].Text))
	}
}

// Title is the document's own title: its first heading of the first level, or
// its first line. It is "" for a document without text.
func Title(blocks []Block) string {
	for _, b := range blocks {
		if text := strings.TrimSpace(b.Text); text != "" {
			return strings.Join(strings.Fields(text), "")
		}
	}
	return ""
}

// A Piece is a part of a document under one heading.
type Piece struct {
	Path string // the headings above it and its own, the outermost first; empty before the first
	Text string // with the heading as its first line
	Page int    // where it begins, of a PDF
	Link string // the address of the document, leading to the piece
}

// Cut cuts a document at its headings down to a level; 0 does not cut. The
// address may be empty: then the pieces have no links.
func Cut(blocks []Block, level int, address string) []Piece {
	var pieces []Piece
	var path []string // of headings, by level
	open := func(b Block) {
		pieces = append(pieces, Piece{Path: strings.Join(path, " "), Page: b.Page, Link: Link(address, b)})
	}
	for _, b := range blocks {
		text := strings.TrimSpace(b.Text)
		if text == "" {
			continue
		}
		switch {
		case b.Heading > 0 && b.Heading <= level:
			path = append(path[:min(len(path), b.Heading-1)], strings.Join(strings.Fields(text), " "))
			open(b)
		case len(pieces) == 0:
			open(b)
		}
		last := &pieces[len(pieces)-1]
		if last.Text != "" {
			last.Text += "\n"
		}
		last.Text += text
	}
	return pieces
}

// Link is the address of a document, leading to a block: to the page of a PDF,
// to an anchor of a web page, or to its words, which browsers look for.
func Link(address string, b Block) string {
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return address
	}
	switch {
	case b.Page > 0:
		u.Fragment = fmt.Sprintf("page=%d", b.Page)
	case b.Anchor != "":
		u.Fragment = b.Anchor
	case b.Heading > 0 && (u.Scheme == "http" || u.Scheme == "https"):
		u.Fragment = ""
		return u.String() + "#:~:text=" + url.PathEscape(strings.TrimSpace(b.Text))
	default:
		return address
	}
	return u.String()
}

// clean makes a run of text fit for a record.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\u00a0', r == '\t', r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
