// The reference work of work.py in ns-3. Its argument is the virtual seconds for which the flows send; it prints JSON.
//
// Built with -DWITH_IPV6 the nodes have IPv6, otherwise IPv4: the header is 20 octets shorter then and the payload
// 20 longer, so packets are as large.
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
const char *const kIntervals[kFlows] = {"20ms", "2ms"};
const double kStartS = 1.0, kTailS = 1.0;

#ifdef WITH_IPV6
using Ip = Ipv6;
using IpAddress = Ipv6Address;
using Addresses = Ipv6AddressHelper;
using Interfaces = Ipv6InterfaceContainer;
using Routing = Ipv6StaticRoutingHelper;
const bool kIsIpv6 = true;
const uint32_t kPayloads[kFlows] = {500, 160};

Addresses First() { return Addresses("2001:1::", Ipv6Prefix(64)); }  // Of 2001:db8:: nothing arrives.
Address Any(uint16_t port) { return Inet6SocketAddress(IpAddress::GetAny(), port); }

// Interfaces do not forward by themselves. Each has a link-local address too, the first of its two.
IpAddress FarAddress(Interfaces &ends) {
  ends.SetForwarding(0, true);
  ends.SetForwarding(1, true);
  return ends.GetAddress(1, 1);
}
#else
using Ip = Ipv4;
using IpAddress = Ipv4Address;
using Addresses = Ipv4AddressHelper;
using Interfaces = Ipv4InterfaceContainer;
using Routing = Ipv4StaticRoutingHelper;
const bool kIsIpv6 = false;
const uint32_t kPayloads[kFlows] = {520, 180};

Addresses First() { return Addresses("10.0.0.0", "255.255.255.0"); }
Address Any(uint16_t port) { return InetSocketAddress(IpAddress::GetAny(), port); }
IpAddress FarAddress(Interfaces &ends) { return ends.GetAddress(1); }
#endif

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
  Routing routing;
  InternetStackHelper stack;
  stack.SetIpv4StackInstall(!kIsIpv6);
  stack.SetIpv6StackInstall(kIsIpv6);
  stack.SetRoutingHelper(routing);
  stack.Install(nodes);
  Addresses addresses = First();
  IpAddress destination;
  for (int link = 0; link < kLinks; ++link) {
    PointToPointHelper helper;
    helper.SetDeviceAttribute("DataRate", StringValue(kRates[link]));
    helper.SetChannelAttribute("Delay", StringValue(kDelays[link]));
    helper.SetQueue("ns3::DropTailQueue", "MaxSize", StringValue("10000p"));
    Interfaces ends = addresses.Assign(helper.Install(nodes.Get(link), nodes.Get(link + 1)));
    addresses.NewNetwork();
    destination = FarAddress(ends);
    // Interface 0 is the loopback; a router's first link leads back to the mobile node, its second onward.
    routing.GetStaticRouting(nodes.Get(link)->GetObject<Ip>())->SetDefaultRoute(destination, link == 0 ? 1 : 2);
  }
  Flow flows[kFlows];
  for (int number = 0; number < kFlows; ++number) {
    const uint16_t port = 5000 + number;
    PacketSinkHelper sink("ns3::UdpSocketFactory", Any(port));
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
