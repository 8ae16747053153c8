package history

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// killDir tells the test binary to be the process that is killed.
const killDir = "GOVQA_HISTORY_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		ingest(dir)
		return
	}
	os.Exit(m.Run())
}

// killBatch is how many events the killed process sends at a time.
const killBatch = 25

func killEvents(seed, batch int) []Event {
	events := randomEvents(uint64(seed*1_000_000+batch), killBatch)
	if batch%7 == 0 { // checkpoints must be cut too
		events[0].Type = "finish"
	}
	return events
}

// ingest adds batches until it is killed, and says of each that it was
// acknowledged.
func ingest(dir string) {
	o := testOptions()
	o.CheckpointEvents = 60
	s, err := Open(dir, o)
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	seed, err := strconv.Atoi(os.Getenv("GOVQA_HISTORY_KILL_SEED"))
	if err != nil {
		fmt.Println("seed:", err)
		return
	}
	for i := range 100_000 {
		if _, err := s.Append(context.Background(), killEvents(seed, i)); err != nil {
			fmt.Println("append:", err)
			return
		}
		fmt.Println("ok", i)
	}
}

// A process that is killed at any moment, while it writes events or counts,
// loses no event that it acknowledged, and the counts after the next start
// are those of a clean recount. GOVQA_KILLS sets the number of rounds.
func TestKilledProcessLosesNothing(t *testing.T) {
	rounds := 3
	if n, err := strconv.Atoi(os.Getenv("GOVQA_KILLS")); err == nil {
		rounds = n
	}
	dir := t.TempDir()
	total := 0
	acknowledged := map[int]int{} // seed -> batches
	for round := range rounds {
		acknowledged[round] = killOnce(t, dir, round, 3+(round*7)%23)
		s, err := Open(dir, testOptions())
		if err != nil {
			t.Fatal(err)
		}
		clean(t, s)
		for i := range acknowledged[round] {
			r := add(t, s, killEvents(round, i)...)
			if r.Repeated != killBatch {
				t.Errorf("round %d: %d of %d events of an acknowledged batch are there", round, r.Repeated, killBatch)
			}
			total += r.Repeated
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if total == 0 {
		t.Fatal("no batch was acknowledged")
	}
	t.Logf("%d kills, %d acknowledged events, none lost", rounds, total)
}

// killOnce starts the process and kills it after it has acknowledged some
// batches. It returns how many it had.
func killOnce(t *testing.T, dir string, seed, after int) (batches int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), killDir+"="+dir, "GOVQA_HISTORY_KILL_SEED="+strconv.Itoa(seed))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		n, ok := strings.CutPrefix(sc.Text(), "ok ")
		if !ok {
			t.Errorf("the process said %q", sc.Text())
			break
		}
		if batches, err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
		if batches++; batches == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process ended by itself")
	}
	return batches
}
