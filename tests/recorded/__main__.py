from tests.recorded.record import main

main()
