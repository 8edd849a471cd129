// The reference work of work.py in ns-3. Its argument is the virtual seconds for which the flows send; what it prints is JSON.
//
// IPv4 with 20 octets of payload more, since its header is 20 shorter: packets are as large as with IPv6, and ns-3 is faster so.
#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

using namespace ns3;

namespace {

const int kLinks = 5, kFlows = 2;
const char *const kRates[kLinks] = {"2Mbps", "100Mbps", "1Gbps", "1Gbps", "100Mbps"};
const char *const kDelays[kLinks] = {"10ms", "2ms", "15ms", "5ms", "2ms"};
const uint32_t kPayloads[kFlows] = {520, 180};
const char *const kIntervals[kFlows] = {"20ms", "2ms"};
const double kStartS = 1.0, kTailS = 1.0;

struct Flow {
  uint64_t received = 0;
  double delayed_s = 0;

  void Receive(Ptr<const Packet> packet, const Address &) {
    SeqTsHeader header;
    packet->PeekHeader(header);
    delayed_s += (Simulator::Now() - header.GetTs()).GetSeconds();
    ++received;
  }
};

void RunUntil(double seconds) {
  Simulator::Stop(Seconds(seconds) - Simulator::Now());
  Simulator::Run();
}

}  // namespace

int main(int argc, char **argv) {
  const double length_s = argc > 1 ? std::atof(argv[1]) : 60;
  NodeContainer nodes;
  nodes.Create(kLinks + 1);
  Ipv4StaticRoutingHelper routing;
  InternetStackHelper stack;
  stack.SetIpv6StackInstall(false);
  stack.SetRoutingHelper(routing);
  stack.Install(nodes);
  Ipv4AddressHelper addresses("10.0.0.0", "255.255.255.0");
  Ipv4Address destination;
  for (int link = 0; link < kLinks; ++link) {
    PointToPointHelper helper;
    helper.SetDeviceAttribute("DataRate", StringValue(kRates[link]));
    helper.SetChannelAttribute("Delay", StringValue(kDelays[link]));
    helper.SetQueue("ns3::DropTailQueue", "MaxSize", StringValue("10000p"));
    Ipv4InterfaceContainer ends = addresses.Assign(helper.Install(nodes.Get(link), nodes.Get(link + 1)));
    addresses.NewNetwork();
    destination = ends.GetAddress(1);
    // Interface 0 is the loopback; a router's first link leads back to the mobile node, its second onward.
    routing.GetStaticRouting(nodes.Get(link)->GetObject<Ipv4>())->SetDefaultRoute(destination, link == 0 ? 1 : 2);
  }
  Flow flows[kFlows];
  for (int number = 0; number < kFlows; ++number) {
    const uint16_t port = 5000 + number;
    PacketSinkHelper sink("ns3::UdpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), port));
    ApplicationContainer receiver = sink.Install(nodes.Get(kLinks));
    receiver.Get(0)->TraceConnectWithoutContext("Rx", MakeCallback(&Flow::Receive, &flows[number]));
    UdpClientHelper client(destination, port);
    client.SetAttribute("MaxPackets", UintegerValue(UINT32_MAX));
    client.SetAttribute("Interval", StringValue(kIntervals[number]));
    client.SetAttribute("PacketSize", UintegerValue(kPayloads[number]));
    ApplicationContainer sender = client.Install(nodes.Get(0));
    sender.Start(Seconds(kStartS));
    sender.Stop(Seconds(kStartS + length_s));
  }
  RunUntil(kStartS - 1e-9);
  const std::clock_t begin = std::clock();
  RunUntil(kStartS + length_s + kTailS);
  const double spent_s = double(std::clock() - begin) / CLOCKS_PER_SEC;
  uint64_t received = 0;
  double delays_ms[kFlows];
  for (int number = 0; number < kFlows; ++number) {
    received += flows[number].received;
    delays_ms[number] = 1000 * flows[number].delayed_s / flows[number].received;
  }
  std::printf("{\"hops\": %llu, \"spent_s\": %.6f, \"delays_ms\": [%.6f, %.6f]}\n",
              static_cast<unsigned long long>(received * kLinks), spent_s, delays_ms[0], delays_ms[1]);
  Simulator::Destroy();
}
