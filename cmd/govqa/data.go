package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sheet"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/index"
)

// logTo logs what goes wrong; progress and reports are for the command itself.
func logTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// importFiles imports through the server that has the folder, or by itself.
func importFiles(ctx context.Context, c *call) error {
	if len(c.args) == 0 {
		return errUsage
	}
	files := make([]importFile, len(c.args))
	for i, path := range c.args {
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		files[i] = importFile{Name: path, Path: abs}
	}
	job := importJob{Actor: actor(), Files: files, Format: c.values.format, DryRun: c.values.dryRun, SkipRejected: c.values.skipRejected}
	start := time.Now()
	var report importReport
	served, err := viaControl(ctx, c.data, "/import", job, &report)
	if err == nil && !served {
		report, err = importHere(ctx, c, job)
	}
	if err != nil {
		return err
	}
	report.print(c.out, job.DryRun, time.Since(start))
	if report.rejected() {
		return errors.New("有文件未导入，原因见上")
	}
	return nil
}

// importHere opens the folder, imports, and brings the index up to date.
func importHere(ctx context.Context, c *call, job importJob) (importReport, error) {
	log := logTo(c.err)
	segmenter := loadSegmenter()
	s, err := openStore(c.data, log)
	if err != nil {
		if l := <-segmenter; l.seg != nil {
			l.seg.Close()
		}
		return importReport{}, err
	}
	report, err := runImport(ctx, s, job, counter(c.err, "读取"))
	l := <-segmenter
	if l.seg != nil {
		defer l.seg.Close()
	}
	if err = errors.Join(err, l.err); err == nil && report.Edition > 0 {
		var ix *index.Index
		if ix, err = index.Open(indexDir(c.data), l.seg, l.lex, index.Options{Log: log, Progress: counter(c.err, "建立索引")}); err == nil {
			_, err = ix.CatchUp(ctx, s)
			err = errors.Join(err, ix.Close())
		}
	}
	return report, errors.Join(err, s.Close())
}

// An importJob says what to import; it is also the control socket's request.
type importJob struct {
	Actor        string       `json:"actor"`
	Files        []importFile `json:"files"`
	Format       string       `json:"format"`
	DryRun       bool         `json:"dryRun"`
	SkipRejected bool         `json:"skipRejected"`
}

type importFile struct {
	Name string `json:"name"` // as the report calls it
	Path string `json:"path"` // absolute
}

// An importReport is the store's report and what reading the files told.
type importReport struct {
	store.Report
	Notes []string `json:"notes"`
}

// maxNotes is how many remarks on the reading of tables are shown.
const maxNotes = 50

// runImport opens the files and imports them into s.
func runImport(ctx context.Context, s *store.Store, job importJob, progress func(int)) (_ importReport, err error) {
	var report importReport
	var files []store.File
	note := func(format string, args ...any) {
		if len(report.Notes) < maxNotes {
			report.Notes = append(report.Notes, fmt.Sprintf(format, args...))
		}
	}
	var opened []io.Closer
	defer func() {
		for _, c := range slices.Backward(opened) {
			err = errors.Join(err, c.Close())
		}
	}()
	for _, f := range job.Files {
		rows, closer, openErr := sheet.Open(f.Path, job.Format, sheet.Options{
			OnMapping: func(m sheet.Mapping) {
				if len(m.Unknown) > 0 {
					note("%s %s：不认识的列 %v，原样保留", f.Name, m.Sheet, m.Unknown)
				}
				if m.Note != "" {
					note("%s %s：%s", f.Name, m.Sheet, m.Note)
				}
			},
			OnWarning: func(w sheet.Warning) { note("%s %s 第%d行 %s：%s", f.Name, w.Sheet, w.Row, w.Field, w.Why) },
		})
		if openErr != nil {
			return report, openErr
		}
		opened = append(opened, closer)
		files = append(files, store.File{Name: f.Name, Rows: rows})
	}
	report.Report, err = s.Import(ctx, files, store.ImportOptions{Actor: job.Actor, Note: "import", DryRun: job.DryRun,
		SkipRejected: job.SkipRejected, Progress: progress})
	return report, err
}

// actor is who runs the command, for the audit log.
func actor() string {
	if u := os.Getenv("USER"); u != "" {
		return store.ByCommand + ":" + u
	}
	return store.ByCommand
}

func (r *importReport) rejected() bool {
	for _, f := range r.Files {
		if !f.Applied {
			return true
		}
	}
	return false
}

// print writes the report: totals of each file, then what is wrong, row by row.
func (r *importReport) print(w io.Writer, dry bool, took time.Duration) {
	for _, f := range r.Files {
		fmt.Fprintf(w, "%s：%d 行，新增 accepted %d，变更 changed %d，未变 unchanged %d，重复 repeated %d，拒绝 rejected %d\n",
			f.Name, f.Rows, f.Accepted, f.Changed, f.Unchanged, f.Repeated, f.RejectedRows)
		for _, x := range f.Rejected {
			fmt.Fprintf(w, "  第 %d 行 %s %s：%s\n", x.Row, x.Key.ID, x.Field, x.Why)
		}
		if f.RejectedRows > len(f.Rejected) {
			fmt.Fprintf(w, "  ……只列出前 %d 条\n", len(f.Rejected))
		}
		for key, n := range f.UnknownKeys {
			fmt.Fprintf(w, "  不认识的字段 %s（%d 行），原样保留\n", key, n)
		}
		if f.Failed != "" {
			fmt.Fprintf(w, "  没有读完：%s\n", f.Failed)
		}
		if !f.Applied {
			fmt.Fprintf(w, "  该文件没有导入（加 -skip-rejected 可跳过错误行）\n")
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
	switch {
	case dry:
		fmt.Fprintf(w, "试运行，没有写入（%.1f 秒）\n", took.Seconds())
	case r.Edition == 0:
		fmt.Fprintf(w, "内容没有变化，没有发布新版本（%.1f 秒）\n", took.Seconds())
	default:
		fmt.Fprintf(w, "已发布第 %d 版（%.1f 秒）\n", r.Edition, took.Seconds())
	}
}

// exportFile writes the current edition as JSON Lines.
func exportFile(ctx context.Context, c *call) error {
	return writeOut(ctx, c, "/export", func(s *store.Store, w io.Writer) error { return s.Export(w, s.Edition()) })
}

// writeOut writes what the server that has the folder, or the store itself,
// gives. The file appears under its name only when it is complete.
func writeOut(ctx context.Context, c *call, path string, direct func(*store.Store, io.Writer) error) error {
	if len(c.args) != 1 {
		return errUsage
	}
	name := c.args[0]
	if name == "-" {
		return produce(ctx, c, path, direct, c.out)
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".govqa-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // fails, as it should, once renamed
	err = produce(ctx, c, path, direct, tmp)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

func produce(ctx context.Context, c *call, path string, direct func(*store.Store, io.Writer) error, w io.Writer) error {
	if served, err := downloadViaControl(ctx, c.data, path, w); served || err != nil {
		return err
	}
	s, err := openExisting(c)
	if err != nil {
		return err
	}
	return errors.Join(direct(s, w), s.Close())
}

// openExisting opens a folder that must have data: a mistyped name must not
// make an empty one.
func openExisting(c *call) (*store.Store, error) {
	if _, err := os.Stat(storeDir(c.data)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("数据目录 %s：没有数据", c.data)
	}
	return openStore(c.data, logTo(c.err))
}

// check verifies the facts, then compares the index with them.
func check(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	s, err := openExisting(c)
	if err != nil {
		return err
	}
	return errors.Join(checkStore(ctx, c, s), s.Close(), checkHistory(ctx, c))
}

func checkStore(ctx context.Context, c *call, s *store.Store) error {
	report, err := s.Check(ctx)
	if err != nil {
		return err
	}
	if err := checkHeads(ctx, s, c.values.heads); err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "版本\t%d\n记录\t%d\n修订\t%d\n日志\t%d\n草稿\t%d\n账号\t%d\n工作文档\t%d\n审计记录\t%s\n", report.Editions, report.Records, report.Revisions,
		report.Facts, report.Drafts, report.Users, report.Docs, report.Audit)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range report.Findings {
		fmt.Fprintln(c.out, "  "+f)
	}
	faults, err := checkIndex(ctx, c, s)
	if err != nil {
		return err
	}
	if report.Faults+faults > 0 {
		return fmt.Errorf("发现 %d 处问题", report.Faults+faults)
	}
	fmt.Fprintln(c.out, "核对无误")
	return nil
}

// checkHeads holds the audit log against heads of it that were kept elsewhere.
func checkHeads(ctx context.Context, s *store.Store, text string) error {
	var kept []store.AuditHead
	for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		head, err := store.ParseAuditHead(one)
		if err != nil {
			return err
		}
		kept = append(kept, head)
	}
	if len(kept) == 0 {
		return nil
	}
	_, err := s.VerifyAudit(ctx, kept...)
	return err
}

// checkIndex reports whether the index shows just the current edition.
func checkIndex(ctx context.Context, c *call, s *store.Store) (faults int, err error) {
	l := <-loadSegmenter()
	if l.err != nil {
		return 0, l.err
	}
	defer l.seg.Close()
	ix, err := index.Open(indexDir(c.data), l.seg, l.lex, index.Options{Log: logTo(c.err), Progress: counter(c.err, "建立索引")})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, ix.Close()) }()
	if c.values.rebuild {
		edition, err := ix.Rebuild(ctx, s)
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(c.out, "索引已按第 %d 版重建\n", edition)
	}
	if s.Edition() == 0 {
		fmt.Fprintln(c.out, "还没有发布过，没有索引可核对")
		return 0, nil
	}
	if ix.Edition() != s.Edition() {
		fmt.Fprintf(c.out, "索引是第 %d 版，数据是第 %d 版：下次启动时会自动追上，或用 check -rebuild 重建\n", ix.Edition(), s.Edition())
		return 0, nil
	}
	missing, extra, err := ix.Compare(s)
	if err != nil {
		return 0, err
	}
	for _, k := range missing {
		fmt.Fprintf(c.out, "  索引缺少 %s\n", k)
	}
	for _, k := range extra {
		fmt.Fprintf(c.out, "  索引多出 %s\n", k)
	}
	if faults = len(missing) + len(extra); faults > 0 {
		fmt.Fprintln(c.out, "  用 check -rebuild 重建索引")
	} else {
		fmt.Fprintf(c.out, "索引与第 %d 版一致（%d 条）\n", ix.Edition(), total(ix.Docs()))
	}
	return faults, nil
}

func total(docs map[corpus.Type]int) int {
	n := 0
	for _, d := range docs {
		n += d
	}
	return n
}
