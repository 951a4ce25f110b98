// The reader that is the original, bsm/sarama-cluster, in its multiplex mode.
package main

import (
	"time"

	"github.com/Shopify/sarama"
	cluster "github.com/bsm/sarama-cluster"

	"field/contract"
)

func main() {
	job := contract.FromArgs()
	watch := contract.NewWatch(job)
	config := cluster.NewConfig()
	// Without a word on it, it speaks as to 0.9, which brokers of today do not answer.
	config.Version = sarama.V2_1_0_0
	// What it had when the original was written; later releases of sarama have moved it elsewhere.
	config.Consumer.Offsets.CommitInterval = time.Second
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	consumer, err := cluster.NewConsumer([]string{job.Brokers}, job.Group, []string{job.Topic}, config)
	contract.Check(err)
	var seen contract.Seen
	for message := range consumer.Messages() {
		last := watch.Deliver(&seen, message.Value)
		consumer.MarkOffset(message, "")
		if last {
			break
		}
	}
	watch.Add(&seen)
	contract.Check(consumer.Close())
	watch.Report()
}
