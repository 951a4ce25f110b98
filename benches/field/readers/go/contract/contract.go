// Package contract is what every reader of the benchmark is told, and what it tells: see
// benches/field/contract, which says the same for Rust.
package contract

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Job is what a reader is told, by flags that each take a value.
type Job struct {
	Mode, Brokers, Topic, Group, Latencies string
	Partitions                             int
	Records                                int64
}

// FromArgs reads the job on the command line.
func FromArgs() Job {
	var job Job
	args := os.Args[1:]
	for ; len(args) >= 2; args = args[2:] {
		value := args[1]
		switch args[0] {
		case "--mode":
			job.Mode = value
		case "--brokers":
			job.Brokers = value
		case "--topic":
			job.Topic = value
		case "--partitions":
			job.Partitions, _ = strconv.Atoi(value)
		case "--group":
			job.Group = value
		case "--records":
			job.Records, _ = strconv.ParseInt(value, 10, 64)
		case "--latencies":
			job.Latencies = value
		default:
			log.Fatalf("%s is not known", args[0])
		}
	}
	return job
}

// Watch watches the records go by. What it does for each is next to nothing.
type Watch struct {
	job     Job
	open    atomic.Int64
	begun   sync.Once
	first   time.Time
	atFirst float64
	end     string
	mutex   sync.Mutex
	total   Seen
}

// Seen is what one goroutine has seen; it must be added in the end.
type Seen struct {
	records, bytes, sum int64
	latencies           []int64
}

// NewWatch has seen nothing.
func NewWatch(job Job) *Watch {
	watch := &Watch{job: job}
	watch.open.Store(int64(job.Partitions))
	return watch
}

// Deliver is told of each record by the only goroutine that reads. It says whether that was the last.
func (w *Watch) Deliver(seen *Seen, value []byte) bool {
	if seen.records == 0 {
		w.begin()
	}
	w.look(seen, value)
	if seen.records != w.job.Records {
		return false
	}
	w.finish()
	return true
}

// DeliverOf is told of each record by one of several goroutines. It says whether that was the last of all;
// all that is in the topic must be asked for.
func (w *Watch) DeliverOf(seen *Seen, partition int32, offset int64, value []byte) bool {
	if seen.records == 0 {
		w.begin()
	}
	w.look(seen, value)
	// The records were written to the partitions in turn.
	partitions := int64(w.job.Partitions)
	end := (w.job.Records + partitions - 1 - int64(partition)) / partitions
	if offset+1 != end || w.open.Add(-1) != 0 {
		return false
	}
	w.finish()
	return true
}

// Add is told when a goroutine is done.
func (w *Watch) Add(seen *Seen) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.total.records += seen.records
	w.total.bytes += seen.bytes
	w.total.sum += seen.sum
	w.total.latencies = append(w.total.latencies, seen.latencies...)
}

// Report tells the harness what was measured at the last record.
func (w *Watch) Report() {
	if w.end == "" {
		log.Fatal("the last record has not come")
	}
	if w.job.Latencies != "" {
		file, err := os.Create(w.job.Latencies)
		Check(err)
		lines := bufio.NewWriter(file)
		for _, latency := range w.total.latencies {
			fmt.Fprintln(lines, latency)
		}
		Check(lines.Flush())
		Check(file.Close())
	}
	fmt.Printf(`{"records":%d,"bytes":%d,"first_unix_ns":%d,%s}`+"\n",
		w.total.records, w.total.bytes, w.first.UnixNano(), w.end)
}

// Check ends the program at an error.
func Check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func (w *Watch) look(seen *Seen, value []byte) {
	seen.records++
	seen.bytes += int64(len(value))
	if len(value) > 0 {
		seen.sum += int64(value[0])
	}
	if w.job.Latencies != "" {
		made := int64(binary.BigEndian.Uint64(value))
		seen.latencies = append(seen.latencies, time.Now().UnixNano()-made)
	}
}

func (w *Watch) begin() {
	w.begun.Do(func() { w.first, w.atFirst = time.Now(), cpu() })
}

func (w *Watch) finish() {
	seconds := time.Since(w.first).Seconds()
	used := cpu()
	w.end = fmt.Sprintf(`"seconds":%f,"cpu_seconds":%f,"cpu_seconds_at_first":%f,"peak_rss_kib":%d`,
		seconds, used, w.atFirst, peakRSS())
}

func cpu() float64 {
	var usage syscall.Rusage
	Check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	Check(err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	Check(err)
	return kib
}
