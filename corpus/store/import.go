package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// A File is one source of records to import.
type File struct {
	Name string // as reports call it
	Rows iter.Seq[corpus.Row]
}

// ImportOptions tune an Import.
type ImportOptions struct {
	// Actor is who imports, for the edition's header and the audit log. Only a
	// dry run needs none; else the error is ErrNoActor.
	Actor string

	// Note says why, for the edition's header.
	Note string

	// DryRun reports what would happen and changes nothing.
	DryRun bool

	// SkipRejected takes the good rows of a file that has bad ones. If false,
	// such a file contributes nothing.
	SkipRejected bool

	// Progress, if not nil, is called now and then with the rows read so far.
	Progress func(done int)

	// Batch, if not empty, makes drafts of the changed rows instead of an
	// edition, all of this batch, to be submitted by their editor. A row whose
	// record somebody is working on already is rejected.
	Batch string

	// Changed, if not nil, is called with each row that differs from the
	// current edition; before is nil for a new record.
	Changed func(row int, before, after corpus.Record)
}

// A Report says what an import did, or with DryRun would do.
type Report struct {
	Files   []FileReport
	Total   Counts         // over the files that contribute
	Edition corpus.Edition // the edition published; 0 if nothing changed, in a dry run, or of drafts
}

// Counts counts the rows of an import.
type Counts struct {
	Rows         int // all that were read
	Accepted     int // new records
	Changed      int // known records with other content
	Unchanged    int // known records with the same content
	Repeated     int // the same record with the same content once more in this run
	RejectedRows int
}

// A FileReport is what became of one file.
type FileReport struct {
	Name string
	Counts
	Applied     bool           // false: the file contributes nothing; its counts say what it would have
	Failed      string         // why the file could not be read to its end, if so
	Rejected    []Reject       // the first MaxRejects
	UnknownKeys map[string]int // keys that the format does not know, with the rows that have them
}

// MaxRejects is how many faults of one file a report lists; all are counted.
const MaxRejects = 1000

// A Reject says what is wrong with one row.
type Reject struct {
	File  string
	Row   int // line or row number in the file, from 1
	Key   corpus.Key
	Field string // the key of the import format; empty if the whole row is meant
	Why   string // in Chinese
}

// progressEvery is the number of rows between two calls of Progress and two
// looks at the context.
const progressEvery = 256

// Import reads the files one after the other and publishes one edition of all
// that they change. A file with a rejected row contributes nothing unless
// SkipRejected is set, nor does a file that cannot be read to its end; the
// others still go in. Rows are matched by key and content, so importing the
// same again changes nothing; records that the files do not name stay.
//
// On an error, which is one of the store or of ctx, nothing is published.
func (s *Store) Import(ctx context.Context, files []File, opts ImportOptions) (Report, error) {
	if strings.TrimSpace(opts.Actor) == "" && !opts.DryRun {
		return Report{}, ErrNoActor
	}
	begin, end := s.beginWrite, s.endWrite
	if opts.DryRun { // it writes nothing, and nobody need wait for it
		begin, end = func(context.Context) error { return s.begin() }, s.end
	}
	if err := begin(ctx); err != nil {
		return Report{}, err
	}
	defer end()
	base, err := s.newView(s.Edition(), []byte(revisionPrefix))
	if err != nil {
		return Report{}, err
	}
	im := &importer{opts: opts, base: base, seen: map[corpus.Key]seen{}}
	if opts.Batch != "" {
		defer base.close()
		return s.importDrafts(ctx, im, files)
	}
	p := s.newPending()
	im.out = p
	report, err := im.run(ctx, files)
	im.base.close()
	if err != nil {
		return Report{}, p.abandon(err)
	}
	if opts.DryRun {
		p.txn.Discard()
		return report, nil
	}
	info, err := p.publish(ctx, EditionInfo{Actor: opts.Actor, Kind: "import", Note: opts.Note})
	if errors.Is(err, ErrUnchanged) {
		return report, nil
	}
	if err != nil {
		return Report{}, err
	}
	report.Edition = info.Number
	return report, nil
}

// An importer keeps of each row its key and hash only; the content goes to the
// pending edition as it comes.
type importer struct {
	opts  ImportOptions
	out   rowSink
	claim func(corpus.Key, []byte) (saved bool, why string, err error) // why a record cannot be imported now, or whether it is already; nil asks nobody
	base  *view                                                        // the edition that is imported into
	seen  map[corpus.Key]seen
	buf   []byte
	rows  int
}

// A rowSink takes the rows that change something: the next edition, or drafts.
type rowSink interface {
	put(k corpus.Key, before revision, line []byte) error
	drop(k corpus.Key) error // takes back what put did
}

// A seen record has been in a row of this run.
type seen struct {
	hash    corpus.Hash
	file    int
	written bool // it differs from the base
}

func (im *importer) run(ctx context.Context, files []File) (Report, error) {
	var report Report
	for i, f := range files {
		fr, err := im.file(ctx, i, f)
		if err != nil {
			return Report{}, fmt.Errorf("%s: %w", f.Name, err)
		}
		if fr.Applied {
			report.Total.add(fr.Counts)
		}
		report.Files = append(report.Files, fr)
	}
	if im.opts.Progress != nil {
		im.opts.Progress(im.rows)
	}
	return report, nil
}

func (c *Counts) add(d Counts) {
	c.Rows += d.Rows
	c.Accepted += d.Accepted
	c.Changed += d.Changed
	c.Unchanged += d.Unchanged
	c.Repeated += d.Repeated
	c.RejectedRows += d.RejectedRows
}

func (im *importer) file(ctx context.Context, i int, f File) (FileReport, error) {
	fr := FileReport{Name: f.Name, UnknownKeys: map[string]int{}}
	for row := range f.Rows {
		if err := im.tick(ctx); err != nil {
			return fr, err
		}
		if row.N == 0 && row.Err != nil { // the reader itself failed
			fr.Failed = row.Err.Error()
			break
		}
		fr.Rows++
		if err := im.row(i, row, &fr); err != nil {
			return fr, err
		}
	}
	fr.Applied = fr.Failed == "" && (fr.RejectedRows == 0 || im.opts.SkipRejected)
	if fr.Applied {
		return fr, nil
	}
	return fr, im.drop(i)
}

func (im *importer) tick(ctx context.Context) error {
	if im.rows++; im.rows%progressEvery != 0 {
		return nil
	}
	if im.opts.Progress != nil {
		im.opts.Progress(im.rows)
	}
	return ctx.Err()
}

// row takes one row. The error is one of the store; what is wrong with the
// row goes into the report.
func (im *importer) row(file int, row corpus.Row, fr *FileReport) error {
	err := row.Err
	if err == nil && row.Record == nil {
		err = fmt.Errorf("%w：空记录", corpus.ErrFormat)
	}
	var text []byte
	if err == nil {
		text, err = encode(row.Record)
	}
	if err != nil {
		fr.reject(row, err)
		return nil
	}
	k, h := row.Record.Key(), corpus.HashOf(text)
	if before, ok := im.seen[k]; ok {
		im.again(before, k, h, row, fr)
		return nil
	}
	for _, name := range row.Record.UnknownKeys() {
		fr.UnknownKeys[name]++
	}
	base, err := im.base.find(k, &im.buf)
	if err != nil {
		return err
	}
	same := base.line != nil && bytes.Equal(base.line, text)
	if im.claim != nil && !same {
		saved, why, err := im.claim(k, text)
		if err != nil {
			return err
		}
		if why != "" {
			fr.reject(row, &corpus.FieldError{Key: k, Why: why})
			return nil
		}
		same = saved
	}
	im.seen[k] = seen{h, file, !same}
	switch {
	case same:
		fr.Unchanged++
		return nil
	case base.line == nil:
		fr.Accepted++
	default:
		fr.Changed++
	}
	if err := im.tell(row, base); err != nil {
		return err
	}
	if im.opts.DryRun || (fr.RejectedRows > 0 && !im.opts.SkipRejected) {
		return nil // the file will not go in
	}
	return im.out.put(k, base, text)
}

// tell reports a row that changes something.
func (im *importer) tell(row corpus.Row, base revision) error {
	if im.opts.Changed == nil {
		return nil
	}
	var before corpus.Record
	if base.line != nil {
		var err error
		if before, err = record(row.Record.Key(), base.line); err != nil {
			return err
		}
	}
	im.opts.Changed(row.N, before, row.Record)
	return nil
}

// again judges a record that this run has had before.
func (im *importer) again(before seen, k corpus.Key, h corpus.Hash, row corpus.Row, fr *FileReport) {
	if before.hash == h {
		fr.Repeated++
		return
	}
	fr.reject(row, &corpus.FieldError{Key: k, Field: "", Why: "本次导入中已有同一编码而内容不同的记录"})
}

// drop takes back what file i has written.
func (im *importer) drop(i int) error {
	for k, e := range im.seen {
		if e.file != i {
			continue
		}
		delete(im.seen, k)
		if im.opts.DryRun || !e.written {
			continue
		}
		if err := im.out.drop(k); err != nil {
			return err
		}
	}
	return nil
}

func (fr *FileReport) reject(row corpus.Row, err error) {
	fr.RejectedRows++
	for _, r := range faults(err) {
		if len(fr.Rejected) == MaxRejects {
			return
		}
		r.File, r.Row = fr.Name, row.N
		if r.Key == (corpus.Key{}) && row.Record != nil {
			r.Key = row.Record.Key()
		}
		fr.Rejected = append(fr.Rejected, r)
	}
}

// faults takes an error of a row apart into one fault for each field.
func faults(err error) []Reject {
	var joined interface{ Unwrap() []error }
	if fe := (*corpus.FieldError)(nil); errors.As(err, &fe) && errors.Is(fe, err) { // err itself, not one inside it
		return []Reject{{Key: fe.Key, Field: fe.Field, Why: fe.Why}}
	}
	if !errors.As(err, &joined) {
		return []Reject{{Why: err.Error()}}
	}
	var all []Reject
	for _, e := range joined.Unwrap() {
		all = append(all, faults(e)...)
	}
	return all
}

// encode returns the line of a record that may be stored: one that is valid
// and can be read again.
func encode(rec corpus.Record) ([]byte, error) {
	if err := rec.Validate(); err != nil {
		return nil, err
	}
	line, err := corpus.Marshal(rec)
	if err != nil {
		return nil, err
	}
	k := rec.Key()
	if len(line) > corpus.MaxLine {
		return nil, &corpus.FieldError{Key: k, Why: fmt.Sprintf("记录超过 %d MiB", corpus.MaxLine>>20)}
	}
	// A record made by hand can lack the type by which its line is read.
	if k.Type != corpus.TypeGuide && !bytes.HasPrefix(line, fmt.Appendf(nil, `{"type":%q`, k.Type)) {
		return nil, &corpus.FieldError{Key: k, Field: "type", Why: fmt.Sprintf("应为 %q", k.Type)}
	}
	return line, nil
}
