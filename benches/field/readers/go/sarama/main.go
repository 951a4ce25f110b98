// The reader that is sarama's consumer group: a channel of messages for each partition.
package main

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"field/contract"
)

func main() {
	job := contract.FromArgs()
	watch := contract.NewWatch(job)
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if job.Mode == "rebalance" {
		config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	}
	group, err := sarama.NewConsumerGroup([]string{job.Brokers}, job.Group, config)
	contract.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	for ctx.Err() == nil {
		contract.Check(group.Consume(ctx, []string{job.Topic}, &handler{watch, cancel}))
	}
	contract.Check(group.Close())
	watch.Report()
}

type handler struct {
	watch *contract.Watch
	stop  func()
}

func (*handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	var seen contract.Seen
	defer h.watch.Add(&seen)
	for message := range claim.Messages() {
		last := h.watch.DeliverOf(&seen, message.Partition, message.Offset, message.Value)
		session.MarkMessage(message, "")
		if last {
			h.stop()
		}
	}
	return nil
}
