package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"

	"github.com/govqa/govqa/corpus"
)

// Our own files beside badger's.
const (
	sealName = "SEAL" // what Close left behind: every file with its checksum
	headName = "HEAD" // what was last acknowledged
	lockName = "IN-USE"

	salvageName = "salvage" // a folder: the files as a crash left them
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// says reports whether err is one of the errnos. Badger passes most errors on
// as text only, so the text has to be looked at too.
func says(err error, errnos ...syscall.Errno) bool {
	text := err.Error()
	return slices.ContainsFunc(errnos, func(no syscall.Errno) bool {
		return errors.Is(err, no) || strings.Contains(text, no.Error())
	})
}

// classify gives an error of badger or of the system one of our names.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case says(err, syscall.ENOSPC, syscall.EFBIG, syscall.EDQUOT):
		return fmt.Errorf("%w（%w）", ErrDiskFull, err)
	case strings.Contains(err.Error(), "Cannot acquire directory lock"):
		return fmt.Errorf("%w（%w）", ErrLocked, err)
	case errors.Is(err, badger.ErrDBClosed), errors.Is(err, badger.ErrBlockedWrites):
		return fmt.Errorf("%w（%w）", ErrClosed, err)
	case strings.Contains(err.Error(), "CHECKSUM_MISMATCH"), strings.Contains(err.Error(), "checksum mismatch"):
		return fmt.Errorf("%w（%w）", ErrDamaged, err)
	}
	return err
}

// circumstance reports whether err is about the machine rather than the data.
func circumstance(err error) bool {
	return says(err, syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM)
}

// A sealed file is one line of the seal.
type sealed struct {
	Size int64  `json:"size"`
	CRC  uint32 `json:"crc"`
}

// measure reads the files of dir that badger would believe.
func measure(dir string) (map[string]sealed, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]sealed{}
	for _, e := range entries {
		if !e.Type().IsRegular() || !badgerFile(e.Name()) {
			continue
		}
		if files[e.Name()], err = measureFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func badgerFile(name string) bool {
	switch filepath.Ext(name) {
	case ".sst", ".mem", ".vlog":
		return true
	}
	return name == badger.ManifestFilename || name == badger.KeyRegistryFileName || name == "DISCARD"
}

func measureFile(path string) (sealed, error) {
	f, err := os.Open(path)
	if err != nil {
		return sealed{}, err
	}
	defer f.Close()
	h := crc32.New(castagnoli)
	n, err := io.Copy(h, f)
	return sealed{n, h.Sum32()}, err
}

// seal writes down what a closed folder holds, so that the next Open can tell
// any later damage from what was there.
func seal(dir string) error {
	files, err := measure(dir)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	text, err := json.MarshalIndent(files, "", " ")
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return classify(writeFile(filepath.Join(dir, sealName), text))
}

// writeFile puts a file in place whole or not at all.
func writeFile(path string, text []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// prove decides whether badger may open dir, without changing anything in
// it. After a clean close every byte must be as the seal says. After a crash
// there is no seal; then the manifest must be readable and every table that
// it names must be whole.
func prove(dir string, log *slog.Logger) error {
	text, err := os.ReadFile(filepath.Join(dir, sealName))
	switch {
	case err == nil:
		return proveSealed(dir, text)
	case errors.Is(err, fs.ErrNotExist):
		return proveCrashed(dir, log)
	}
	return err
}

func proveSealed(dir string, text []byte) error {
	var want map[string]sealed
	if err := json.Unmarshal(text, &want); err != nil {
		return damaged(dir, fmt.Errorf("%s: %w", sealName, err))
	}
	have, err := measure(dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if h, ok := have[name]; !ok {
			return damaged(dir, fmt.Errorf("%s is missing", name))
		} else if h != want[name] {
			return damaged(dir, fmt.Errorf("%s: %d bytes, checksum %08x; was closed with %d bytes, checksum %08x",
				name, h.Size, h.CRC, want[name].Size, want[name].CRC))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			return damaged(dir, fmt.Errorf("%s was not there when the folder was closed", name))
		}
	}
	if err := os.Remove(filepath.Join(dir, sealName)); err != nil {
		return err
	}
	// Were the removal lost in a power cut, the seal would come back and call
	// later writes damage.
	return syncDir(dir)
}

func proveCrashed(dir string, log *slog.Logger) error {
	files, err := measure(dir)
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		if len(files) > 0 { // badger makes the manifest first
			return damaged(dir, fmt.Errorf("%s is missing", badger.ManifestFilename))
		}
		return nil // a new folder
	}
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, _, err := badger.ReplayManifestFile(f, 0, badgerOptions(dir, log))
	if err != nil {
		return damaged(dir, fmt.Errorf("%s: %w", badger.ManifestFilename, err))
	}
	for id, t := range manifest.Tables {
		if err := proveTable(table.NewFilename(id, dir), t.Compression); err != nil {
			return damaged(dir, err)
		}
	}
	if err := salvage(dir, slices.Sorted(maps.Keys(files))); err != nil {
		return classify(err)
	}
	return dropEmptyLogs(dir, files)
}

// dropEmptyLogs removes the log of a memtable that badger had made and not yet
// given its size when it was cut short: it holds nothing, and badger refuses
// to open a folder that has one.
func dropEmptyLogs(dir string, files map[string]sealed) error {
	for name, f := range files {
		if f.Size == 0 && filepath.Ext(name) == ".mem" {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// proveTable reads a table to its end. Badger's reader panics on some kinds
// of damage, and badger.Open calls it in goroutines where nobody can recover.
func proveTable(path string, compression options.CompressionType) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s cannot be read", filepath.Base(path))
		}
	}()
	f, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	t, err := table.OpenTable(f, table.Options{
		ReadOnly:    true,
		Compression: compression,
		BlockSize:   4 << 10,
		ChkMode:     options.OnTableRead,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return t.Close(-1)
}

// salvage keeps the files of a crashed folder as they are. Badger mends what a
// crash leaves: it cuts logs and the manifest at the first entry that is not
// whole and deletes tables that the manifest does not name. That is right
// after a crash and wrong after damage, and only the opened database can tell
// which it was (see headFile). What an earlier Open salvaged is the older
// evidence and stays.
func salvage(dir string, names []string) error {
	to := filepath.Join(dir, salvageName)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	tmp := to + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	for _, name := range names {
		keep := copySparse
		if filepath.Ext(name) == ".sst" {
			keep = os.Link // never changed, only deleted
		}
		if err := keep(filepath.Join(dir, name), filepath.Join(tmp, name)); err != nil {
			return err
		}
	}
	return os.Rename(tmp, to)
}

// copySparse copies a file and leaves its empty stretches empty: badger's logs
// are much longer than what is in them.
func copySparse(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(copyBlocks(in, out), out.Close())
}

func copyBlocks(in, out *os.File) error {
	block, empty := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; {
		n, err := io.ReadFull(in, block)
		if n > 0 && !bytes.Equal(block[:n], empty[:n]) {
			if _, err := out.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return out.Truncate(at)
		}
		if err != nil {
			return err
		}
	}
}

// discardSalvage removes what salvage kept, once nothing proved to be lost.
func discardSalvage(dir string) error { return os.RemoveAll(filepath.Join(dir, salvageName)) }

// A headFile is a witness beside the database: the last edition, the last fact
// and the last audit entry that were acknowledged. It is written after each commit, without being
// forced to the disk, so it is never ahead of the database; when it is, the
// database has lost something.
type headFile struct {
	f   *os.File
	old head
	ok  bool // old could be read
}

type head struct {
	edition corpus.Edition
	seq     uint64
	audit   AuditHead
}

func openHead(dir string) (*headFile, error) {
	f, err := os.OpenFile(filepath.Join(dir, headName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	h := &headFile{f: f}
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	h.old, h.ok = parseHead(line) // a power cut may leave anything here
	return h, nil
}

// parseHead reads a line as line writes it, with the audit log or, from a
// folder of layout 1, without.
func parseHead(line string) (h head, ok bool) {
	body, sum, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " #")
	if sum == "" { // layout 1
		at := strings.LastIndexByte(body, ' ')
		if at < 0 {
			return h, false
		}
		body, sum = body[:at], body[at+1:]
	}
	if sum != checkSum(body) {
		return h, false
	}
	n, err := fmt.Sscanf(body, "%d %d %d %s", &h.edition, &h.seq, &h.audit.Seq, &h.audit.Hash)
	return h, err == nil || n == 2 || n == 3 && h.audit.Seq == 0
}

func checkSum(body string) string {
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(body), castagnoli))
}

func (h head) line() string {
	body := fmt.Sprintf("%020d %020d %020d %s", h.edition, h.seq, h.audit.Seq, h.audit.Hash)
	return body + " #" + checkSum(body) + "\n"
}

// compare fails if the database is behind what was acknowledged, or if its
// audit log is another. hashAt gives the hash of an entry of it.
func (h *headFile) compare(now head, hashAt func(seq uint64) (string, error)) error {
	if !h.ok {
		return nil
	}
	if now.edition >= h.old.edition && now.seq >= h.old.seq && now.audit.Seq >= h.old.audit.Seq {
		hash, err := hashAt(h.old.audit.Seq)
		if err == nil && hash != h.old.audit.Hash {
			err = fmt.Errorf("%w：审计记录第 %d 条与 %s 所记的散列不符", ErrDamaged, h.old.audit.Seq, headName)
		}
		return err
	}
	dir := filepath.Dir(h.f.Name())
	return fmt.Errorf("%w：已确认写到第 %d 版、日志第 %d 条、审计记录第 %d 条，现在只能读到第 %d 版、第 %d 条、第 %d 条；打开前的文件保存在 %s，请用 govqa restore 从备份恢复",
		ErrDamaged, h.old.edition, h.old.seq, h.old.audit.Seq, now.edition, now.seq, now.audit.Seq, filepath.Join(dir, salvageName))
}

func (h *headFile) write(now head) error {
	_, err := h.f.WriteAt([]byte(now.line()), 0)
	return err
}

func (h *headFile) close() error { return h.f.Close() }

// badgerLog passes on what badger says. Its notes on routine work are of use
// only when badger itself is looked into.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Error(say(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn(say(f, a)) }
func (l badgerLog) Infof(f string, a ...any)    { l.log.Debug(say(f, a)) }
func (l badgerLog) Debugf(string, ...any)       {}

func say(format string, args []any) string {
	return "badger: " + strings.TrimSpace(fmt.Sprintf(format, args...))
}
