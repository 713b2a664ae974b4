"""``python -m lacbed_gan.simulate``: see `lacbed_gan.commands.simulate`."""

from lacbed_gan.commands.simulate import main

if __name__ == "__main__":
    main()
