package document

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// What reading a PDF may take.
const (
	pdfMemory = 512 << 20 // bytes of the sandbox
	pdfTime   = 2 * time.Minute
	maxPages  = 2000
	wasmPage  = 64 << 10
)

// readPDF reads a PDF in a sandbox of its own, which sees no files and ends
// with the call.
func readPDF(ctx context.Context, data []byte) (_ []Block, err error) {
	ctx, cancel := context.WithTimeout(ctx, pdfTime)
	defer cancel()
	defer func() {
		if r := recover(); r != nil { // the sandbox ends a program that goes astray with a panic
			err = fmt.Errorf("%w：PDF 读不下去（%v）", ErrFormat, r)
		}
	}()
	pool, err := webassembly.Init(webassembly.Config{
		Context: ctx, MinIdle: 0, MaxIdle: 1, MaxTotal: 1,
		FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard,
		RuntimeConfig: wazero.NewRuntimeConfig().WithMemoryLimitPages(pdfMemory / wasmPage).WithCloseOnContextDone(true).
			WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling),
	})
	if err != nil {
		return nil, fmt.Errorf("PDF 阅读器：%w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	reader, err := pool.GetInstanceWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("PDF 阅读器：%w", err)
	}
	return readPages(ctx, reader, data)
}

func readPages(ctx context.Context, reader pdfium.Pdfium, data []byte) ([]Block, error) {
	doc, err := reader.OpenDocument(&requests.OpenDocument{File: &data})
	if err != nil {
		return nil, fmt.Errorf("%w：PDF 打不开，可能损坏或加了密（%w）", ErrFormat, err)
	}
	count, err := reader.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc.Document})
	if err != nil {
		return nil, fmt.Errorf("%w：PDF 的页数读不出（%w）", ErrFormat, err)
	}
	if count.PageCount > maxPages {
		return nil, fmt.Errorf("%w：PDF 有 %d 页，最多 %d 页", ErrTooLarge, count.PageCount, maxPages)
	}
	j := joiner{}
	for i := range count.PageCount {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		page, err := reader.GetPageText(&requests.GetPageText{Page: requests.Page{ByIndex: &requests.PageByIndex{Document: doc.Document, Index: i}}})
		if err != nil {
			return nil, fmt.Errorf("%w：PDF 第 %d 页读不出（%w）", ErrFormat, i+1, err)
		}
		j.page(i+1, clean(page.Text))
		if j.size > MaxText {
			return nil, fmt.Errorf("%w：正文超过 %d MiB", ErrTooLarge, MaxText>>20)
		}
	}
	j.end()
	return j.blocks, nil
}

// A joiner makes paragraphs of the lines of pages, which break where the paper
// ends and not where a sentence does.
type joiner struct {
	blocks []Block
	text   string
	at     int // the page on which the paragraph begins
	size   int
}

var (
	item       = regexp.MustCompile(`^（[一二三四五六七八九十]+）|^\([一二三四五六七八九十\d]+\)|^\d+[.．、]`)
	pageNumber = regexp.MustCompile(`^[-—－ ]*\d{1,4}[-—－ ]*$|^第\s*\d+\s*页(\s*共\s*\d+\s*页)?$`)
)

func (j *joiner) page(number int, text string) {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		if (i == 0 || i == len(lines)-1) && pageNumber.MatchString(line) {
			continue
		}
		if j.begins(line) {
			j.end()
		}
		if j.text == "" {
			j.at = number
		}
		j.add(line)
		if headingOf(line) > 0 {
			j.end()
		}
	}
}

// begins reports whether a line begins a paragraph.
func (j *joiner) begins(line string) bool {
	if j.text == "" || headingOf(line) > 0 || article.MatchString(line) || item.MatchString(line) {
		return true
	}
	last, _ := utf8.DecodeLastRuneInString(j.text)
	return strings.ContainsRune("。！？；：.!?;:", last)
}

func (j *joiner) add(line string) {
	if j.text != "" && latin(lastRune(j.text)) && latin([]rune(line)[0]) {
		j.text += " "
	}
	j.text += line
	j.size += len(line)
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

func latin(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == ','
}

func (j *joiner) end() {
	if j.text != "" {
		j.blocks = append(j.blocks, Block{Text: j.text, Page: j.at, Heading: headingOf(j.text)})
	}
	j.text = ""
}
