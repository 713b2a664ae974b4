"""``python -m lacbed_gan.dashboard``: see `lacbed_gan.commands.dashboard`."""

from lacbed_gan.commands.dashboard import main

if __name__ == "__main__":
    main()
