// The reader that is franz-go: whole fetches, records that are slices of them.
package main

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"field/contract"
)

func main() {
	job := contract.FromArgs()
	watch := contract.NewWatch(job)
	options := []kgo.Opt{
		kgo.SeedBrokers(job.Brokers),
		kgo.ConsumerGroup(job.Group),
		kgo.ConsumeTopics(job.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	recycle := false
	switch job.Mode {
	case "poll":
	case "pooled":
		options, recycle = append(options, kgo.WithPools(&pool{})), true
	case "latency":
		options = append(options, kgo.FetchMaxWait(500*time.Millisecond))
	case "rebalance":
		options = append(options, kgo.HeartbeatInterval(500*time.Millisecond))
	default:
		panic(job.Mode)
	}
	client, err := kgo.NewClient(options...)
	contract.Check(err)
	read(client, watch, recycle)
	contract.Check(client.CommitUncommittedOffsets(context.Background()))
	client.Close()
	watch.Report()
}

func read(client *kgo.Client, watch *contract.Watch, recycle bool) {
	var seen contract.Seen
	defer watch.Add(&seen)
	for over := false; !over; {
		fetches := client.PollFetches(context.Background())
		contract.Check(fetches.Err())
		fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
			for _, record := range partition.Records {
				over = watch.Deliver(&seen, record.Value) || over
				if recycle {
					record.Recycle()
				}
			}
		})
	}
}

// pool keeps the memory of fetches.
type pool struct{ bytes, records sync.Pool }

func (p *pool) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	if bytes, ok := p.bytes.Get().(*[]byte); ok {
		return *bytes
	}
	return make([]byte, 0, 8*len(compressed))
}

func (p *pool) PutDecompressBytes(bytes []byte) { p.bytes.Put(&bytes) }

func (p *pool) GetRecords(n int) []kgo.Record {
	if records, ok := p.records.Get().(*[]kgo.Record); ok && cap(*records) >= n {
		return (*records)[:0]
	}
	return make([]kgo.Record, 0, n)
}

func (p *pool) PutRecords(records []kgo.Record) { p.records.Put(&records) }
